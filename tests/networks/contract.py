"""What every variant of MobileUNet keeps, as a suite to inherit.

A new variant gets all of it in two lines::

    class TestMyVariant(NetworkContract):
        arguments = {"encoder": "mobilenetv2", "width": 0.5}
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import update_bn

from monai_mobileunet import MobileUNet

DEPTH = 11  # the third axis of the images for networks with spatial_dims=3
SHAPES = [(1, 37, 50), (4, 48, 56), (1, 64, 96), (4, 80, 33)]  # channels, height, width


class NetworkContract:
    """Inherit, and set ``arguments``; ``tolerance`` where rounding weighs more than usual."""

    arguments: ClassVar[dict[str, Any]] = {}
    tolerance = 1e-4  # between two ways to compute the same, relative to the largest absolute score

    @classmethod
    def make(cls, **changes: Any) -> MobileUNet:
        """The variant as constructed, with ``changes`` to its arguments."""
        return MobileUNet(**{**cls.arguments, **changes})

    @classmethod
    def trained(cls, **changes: Any) -> MobileUNet:
        """The variant in eval mode, its biases and norms as uneven as after a training.

        As constructed, every bias is 0 and every norm the identity: a runtime that forgot them would agree.
        """
        torch.manual_seed(1)
        network = cls.make(**changes)
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.dim() == 1:
                    parameter += 0.1 * torch.randn_like(parameter)
            update_bn([cls.image(4, 64, 64, channels=network.in_channels)], network)
        return network.eval()

    @classmethod
    def image(cls, batch: int, height: int, width: int, channels: int | None = None) -> torch.Tensor:
        third = (DEPTH,) if cls.arguments.get("spatial_dims", 2) == 3 else ()
        return torch.randn(batch, channels or cls.arguments.get("in_channels", 1), height, width, *third)

    # Shapes

    @pytest.mark.parametrize(("channels", "height", "width"), SHAPES)
    def test_scores_have_the_size_of_the_image_and_the_channels_asked_for(self, channels, height, width):
        network = self.make(in_channels=channels, out_channels=3).eval()
        self._check_shape(network, self.image(2, height, width, channels=channels), 3)

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3)])
    def test_segments_images_smaller_than_its_reduction(self, network, size):
        self._check_shape(network, self.image(1, *size), 2)

    @pytest.mark.parametrize("out_channels", [1, 2, 7])
    def test_out_channels(self, out_channels):
        self._check_shape(self.make(out_channels=out_channels).eval(), self.image(1, 32, 40), out_channels)

    @classmethod
    @torch.no_grad()
    def _check_shape(cls, network: nn.Module, image: torch.Tensor, out_channels: int) -> None:
        scores = network(image)
        slices = (cls.arguments["out_slices"],) if "out_slices" in cls.arguments else ()
        assert scores.shape == (image.shape[0], out_channels, *slices, *image.shape[2:])
        assert scores.isfinite().all()
        assert scores.dtype == image.dtype

    # Padding

    @torch.no_grad()
    def test_nothing_is_padded_where_the_size_is_a_multiple_of_the_reduction(self, network):
        image = self.image(1, 2 * network.reduction, 3 * network.reduction)
        if image.dim() == 5:
            image = image.repeat(1, 1, 1, 1, network.reduction)
        plain = network.head(network.decoder(network.encoder(image))[-1])
        assert torch.equal(network(image).reshape(plain.shape), plain)  # several slices at once are an axis

    @torch.no_grad()
    def test_other_sizes_are_padded_at_the_far_edges_with_the_border(self, network):
        image = self.image(1, 37, 50)
        far_edges = [e for length in image.shape[:1:-1] for e in (0, -length % network.reduction)]
        padded = F.pad(image, far_edges, mode="replicate")
        assert padded.shape != image.shape
        expected = network(padded)[(..., *(slice(length) for length in image.shape[2:]))]
        assert torch.equal(network(image), expected)

    # Training

    @pytest.mark.parametrize("deep_supervision", [False, True])
    def test_backward_reaches_every_parameter_in_use(self, deep_supervision):
        network = self.make(deep_supervision=deep_supervision).train()
        scores = network(self.image(2, 64, 72))
        sum(s.square().mean() for s in (scores if deep_supervision else [scores])).backward()
        for name, parameter in network.named_parameters():
            in_use = deep_supervision or not name.startswith("aux_heads.")
            assert (parameter.grad is not None) == in_use, name
            if in_use:
                assert parameter.grad.isfinite().all(), name
        assert network.encoder.stages[0][0].conv.weight.grad.abs().max() > 0

    # Weights

    @torch.no_grad()
    def test_state_dict_round_trip(self, network):
        file = io.BytesIO()
        torch.save(network.state_dict(), file)
        file.seek(0)
        other, image = self.make().eval(), self.image(1, 40, 33)
        assert not torch.equal(other(image), network(image))
        other.load_state_dict(torch.load(file, weights_only=True), strict=True)
        assert torch.equal(other(image), network(image))

    @pytest.mark.parametrize("deep_supervision", [False, True])
    @torch.no_grad()
    def test_weights_load_with_and_without_deep_supervision(self, deep_supervision):
        source = self.trained(deep_supervision=deep_supervision)
        target = self.make(deep_supervision=not deep_supervision).eval()
        target.load_state_dict(source.state_dict(), strict=True)
        image = self.image(1, 40, 33)
        assert torch.equal(target(image), source(image))

    # Inference

    @torch.no_grad()
    def test_eval_mode_is_deterministic(self, network):
        image = self.image(2, 48, 56)
        assert torch.equal(network(image), network(image))

    @torch.no_grad()
    def test_scores_of_an_item_do_not_depend_on_the_batch(self, network):
        images = self.image(3, 40, 33)
        network, images = copy.deepcopy(network).double(), images.double()  # other batches, other rounding
        together = network(images)
        images[1:] = 100 * torch.randn_like(images[1:])
        assert_close(network(images)[:1], together[:1], 1e-9)
        assert_close(network(images[:1]), together[:1], 1e-9)

    @torch.no_grad()
    def test_channels_last_gives_the_same_scores(self, network):
        image = self.image(2, 37, 50, channels=4)
        plain = self.trained(in_channels=4)
        memory_format = torch.channels_last if image.dim() == 4 else torch.channels_last_3d
        moved = copy.deepcopy(plain).to(memory_format=memory_format)
        assert_close(moved(image.to(memory_format=memory_format)), plain(image), self.tolerance)

    # Runtimes

    def other_images(self) -> Iterator[torch.Tensor]:
        """Batches and sizes other than the (2, 64, 96) that runtimes are prepared with."""
        yield self.image(1, 37, 50)
        yield self.image(3, 96, 33)

    @torch.no_grad()
    def test_torch_script_agrees_once_saved_and_loaded(self, network):
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(network), file)
        file.seek(0)
        scripted = torch.jit.load(file)
        for image in self.other_images():
            assert_close(scripted(image), network(image), self.tolerance)

    @pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
    @torch.no_grad()
    def test_trace_agrees_at_sizes_other_than_the_traced_one(self, network):
        traced = torch.jit.trace(network, self.image(2, 64, 96), check_trace=False)
        for image in self.other_images():
            assert_close(traced(image), network(image), self.tolerance)

    @pytest.mark.slow
    def test_onnx_export_agrees(self, network, tmp_path):
        pytest.importorskip("onnxscript")
        onnxruntime = pytest.importorskip("onnxruntime")
        example = self.image(2, 64, 96)
        dynamic = dict.fromkeys((0, *range(2, example.dim())), torch.export.Dim.DYNAMIC)
        torch.onnx.export(
            network, (example,), tmp_path / "network.onnx", dynamo=True, dynamic_shapes={"x": dynamic}, verbose=False
        )
        session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
        for image in self.other_images():
            (scores,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
            with torch.no_grad():
                assert_close(torch.from_numpy(scores), network(image), self.tolerance)

    @pytest.mark.slow
    def test_compiled_agrees(self, network):
        self.check_compiled(network, [self.image(2, 64, 96), self.image(3, 37, 50)])

    @torch.no_grad()
    def check_compiled(self, network: nn.Module, images: Sequence[torch.Tensor], **options: Any) -> None:
        torch.compiler.reset()
        compiled = torch.compile(network, fullgraph=True, **options)
        for image in images:
            assert_close(compiled(image), network(image), self.tolerance)


def assert_close(scores: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """Equal but for ``tolerance`` relative to the largest absolute score: what argmax sees."""
    assert scores.shape == expected.shape
    difference = (scores - expected).abs().max() / expected.abs().max()
    assert difference < tolerance, f"the scores differ by {difference:.1e} of the largest"
