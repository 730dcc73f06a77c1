"""Networks for the page: smaller weights, the scores of the larger ones, and the same bytes each time."""

from __future__ import annotations

import gzip

import onnx
import pytest
import torch
from conftest import BUNDLES, VolumeFor
from torch import nn

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.export import network_inputs
from monai_mobileunet.networks import create_network
from monai_mobileunet.runtimes.manifest import in_channels_of
from monai_mobileunet.runtimes.parity import compare_masks
from monai_mobileunet.webpage.kinds import WEIGHTS
from monai_mobileunet.webpage.network import ExportedNetwork, compressed, differs_on_probe, output_problem, page_network

pytest.importorskip("onnxscript")
SMALLER = {"float32": 1.0, "float16": 0.6, "int8": 0.36}
"""Share of the bytes of float32 that is left at most."""
CHANGED = {"float32": 0.0, "float16": 1e-4, "int8": 5e-4}
"""Share of the voxels of a mask that may differ from torch's."""
CLOSE = {"float32": 1e-5, "float16": 5e-3, "int8": 0.15}
"""Largest difference of two scores, in the largest score."""


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_smaller_weights_give_the_masks_of_torch_on_real_inputs(folder, volume_for: VolumeFor, tmp_path):
    import nibabel

    bundle = Bundle(folder, device="cpu")
    nibabel.save(volume_for(folder.name), tmp_path / "image.nii.gz")
    network = bundle.load_network()
    channels = in_channels_of(network)
    inputs = network_inputs(bundle, tmp_path / "image.nii.gz", 6)
    with torch.no_grad():
        references = [network(batch) for batch in inputs]
    whole = len(page_network(network, channels, "float32"))
    for weights in WEIGHTS:
        model = page_network(network, channels, weights)
        assert len(model) <= SMALLER[weights] * whole
        parity = compare_masks(references, ExportedNetwork(model), inputs)
        # of so few slices a small class may have few voxels, of which one or two are much of a Dice
        assert parity.changed_voxels <= CHANGED[weights] * parity.voxels
        assert parity.largest_difference <= CLOSE[weights] * parity.largest_score
        assert not differs_on_probe(network, ExportedNetwork(model), channels, weights)
        assert page_network(network, channels, weights) == model
        assert gzip.decompress(compressed(model)) == model
        assert compressed(model) == compressed(model)


def test_biases_and_small_tensors_stay_and_names_of_weights_too():
    network = create_network("mobileunet_tiny", spatial_dims=2, in_channels=3, out_channels=2).eval()
    model = onnx.load_from_string(page_network(network, 3, "int8"))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    kinds = {tensor.data_type for tensor in stored.values()}
    assert {onnx.TensorProto.INT8, onnx.TensorProto.FLOAT} <= kinds
    for tensor in stored.values():
        size = torch.Size(tensor.dims).numel()
        if tensor.data_type == onnx.TensorProto.INT8:
            assert size > 256
            assert len(tensor.dims) == 4
            scales = stored[tensor.name.replace(".int8", ".scales")]
            assert list(scales.dims) == [tensor.dims[0], 1, 1, 1]
        elif tensor.data_type == onnx.TensorProto.FLOAT:
            assert size <= 256 or len(tensor.dims) < 2 or tensor.name.endswith(".scales")


class Shifted(nn.Module):
    def __init__(self, network: nn.Module, by: float) -> None:
        super().__init__()
        self.network, self.by = network, by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x) + self.by


def test_another_network_differs_on_the_probe():
    network = nn.Conv2d(3, 2, 3, padding=1).eval()
    assert not differs_on_probe(network, network, 3, "float32")
    assert differs_on_probe(network, Shifted(network, 0.1), 3, "float32")
    assert differs_on_probe(network, Shifted(network, 0.1), 3, "float16")
    assert not differs_on_probe(network, Shifted(network, 1e-4), 3, "float16")
    assert differs_on_probe(network, Shifted(network, float("nan")), 3, "int8")
    assert not differs_on_probe(network, Shifted(network, 0.1), 3, "int8")


class Twice(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        scores = super().forward(x)
        return scores, scores + 1


def test_outputs_that_the_page_cannot_use_are_named():
    model = page_network(nn.Conv2d(3, 2, 3, padding=1).eval(), 3, "float32")
    assert output_problem(model, 2) is None
    assert "scores of 2 classes; the bundle has 3, the background counted." in str(output_problem(model, 3))
    assert "gives 2 outputs" in str(output_problem(page_network(Twice(3, 2, 3, padding=1).eval(), 3, "float32"), 2))


class Odd(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(x[..., :8, :8]).real[:, :2, None]


def test_a_network_that_cannot_be_converted_is_refused_in_words():
    with pytest.raises(ValueError, match=r"Odd cannot be made into a network for the page .* mobileunet segment"):
        page_network(Odd(), 3, "float32")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("monai_mobileunet.webpage.network.missing_packages", lambda name: ["onnx"])
    with pytest.raises(ModuleNotFoundError, match=r"needs onnx, not installed here. Install the extra"):
        page_network(nn.Conv2d(3, 2, 3), 3, "float32")
