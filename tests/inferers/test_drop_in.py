"""ContextSliceInferer where MONAI's SliceInferer stood: its own tests, its signature, and its scores."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.inferers import SliceInferer, SlidingWindowInferer
from monai.networks.nets import UNet
from torch import nn

from monai_mobileunet import ContextSliceInferer, MobileUNet
from monai_mobileunet.inferers import slice_inferer
from monai_mobileunet.inferers.assembly import assemble_volumes
from monai_mobileunet.transforms import RandSliceSamplesd

pytestmark = pytest.mark.usefixtures("no_grad")
SHAPE = (9, 10, 11)
PLANES = pytest.mark.parametrize("plane", [0, 1, 2])


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 5, padding=2)).eval()


@pytest.fixture
def volume() -> torch.Tensor:
    return torch.randn(2, 2, *SHAPE)


def without(plane: int, lengths: tuple[int, ...] = SHAPE) -> tuple[int, ...]:
    return tuple(length for axis, length in enumerate(lengths) if axis != plane)


def same(found: object, expected: object) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("inferer_class", [SliceInferer, ContextSliceInferer])
class TestMonaisOwn:
    """What MONAI 1.6.1 asks of its SliceInferer (tests/inferers/test_slice_inferer.py), of both."""

    @PLANES
    def test_shape(self, inferer_class: type, plane: int):
        network = UNet(2, in_channels=1, out_channels=1, channels=(4, 8, 16), strides=(2, 2), num_res_units=2).eval()
        image = torch.ones(1, 1, 8, 32, 32)
        window = without(plane, tuple(image.shape[2:]))
        inferer = inferer_class(roi_size=list(window), spatial_dim=plane, sw_batch_size=1, cval=-1)
        first = inferer(image, network)
        assert first.shape == image.shape
        assert torch.equal(inferer(image, network), first), "it can be called again"

    @PLANES
    def test_condition(self, inferer_class: type, plane: int):
        def network(x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            return x + 2 * condition

        image, condition = torch.rand(1, 1, 8, 12, 10), torch.rand(1, 1, 8, 12, 10)
        window = list(without(plane, tuple(image.shape[2:])))
        inferer = inferer_class(roi_size=window, spatial_dim=plane, sw_batch_size=1, cval=-1)
        for _ in range(2):
            same(inferer(image, network, condition=condition), image + 2 * condition)
        with pytest.raises(ValueError, match="shape"):
            inferer(image, network, condition=condition[..., 1:])


class TestSignature:
    def test_names_and_places_are_monais_and_what_is_ours_has_names_only(self):
        ours = list(inspect.signature(ContextSliceInferer.__init__).parameters.values())
        theirs = ["self", "spatial_dim", *list(inspect.signature(SlidingWindowInferer.__init__).parameters)[1:]]
        assert [one.name for one in ours if one.kind is one.POSITIONAL_OR_KEYWORD] == theirs
        assert [one.name for one in ours if one.kind is one.KEYWORD_ONLY] == [
            "context",
            "mirror_axes",
            "argmax",
            "out_slices",
            "out_step",
        ]

    def test_positional_arguments_mean_what_they_mean_there(self, network: nn.Module, volume: torch.Tensor):
        arguments = (1, (5, 6), 3, 0.5, "gaussian", 0.2, "reflect", 0.0, "cpu", "cpu", False, False, None, None, -1)
        same(ContextSliceInferer(*arguments)(volume, network), SliceInferer(*arguments)(volume, network))

    def test_the_default_axis_is_the_first_in_inference_and_training(self, network: nn.Module, volume: torch.Tensor):
        same(ContextSliceInferer()(volume, network), SliceInferer(roi_size=(10, 11))(volume, network))
        for owner in (ContextSliceInferer, RandSliceSamplesd, SliceInferer):
            assert inspect.signature(owner.__init__).parameters["spatial_dim"].default == 0

    def test_a_swapped_target_gives_the_same_scores(self, network: nn.Module, volume: torch.Tensor):
        arguments = {"roi_size": [5, 6], "sw_batch_size": 4, "overlap": 0.5, "padding_mode": "replicate", "cval": 0.0}
        scores = []
        for target in ("SliceInferer", "monai_mobileunet.inferers.ContextSliceInferer"):
            parser = ConfigParser(json.loads(json.dumps({"inferer": {"_target_": target, **arguments}})))
            scores.append(parser.get_parsed_content("inferer")(volume, network))
        same(scores[1], scores[0])

    @pytest.mark.parametrize(
        "arguments",
        [
            {"cache_roi_weight_map": True},
            {"cpu_thresh": 1},
            {"cpu_thresh": 10**9},
            {"buffer_steps": 2, "buffer_dim": 0},
            {"device": "cpu", "sw_device": "cpu"},
            {"progress": True},
        ],
        ids=lambda arguments: next(iter(arguments)),
    )
    def test_arguments_of_memory_and_speed_change_no_score(self, network, volume, arguments):
        plain = ContextSliceInferer(2, (5, 6))(volume, network)
        assert torch.equal(ContextSliceInferer(2, (5, 6), **arguments)(volume, network), plain)

    def test_cpu_thresh_decides_where_a_large_result_lies(self, network, volume, monkeypatch):
        places = []

        def spy(slabs: object, plane: object, shape: object, dtype: torch.dtype, device: torch.device | str):
            places.append(str(device))
            return assemble_volumes(slabs, plane, shape, dtype, "cpu")

        monkeypatch.setattr(slice_inferer, "assemble_volumes", spy)
        count = volume[0, 0].numel()
        for arguments in ({}, {"cpu_thresh": count}, {"cpu_thresh": count - 1}):
            ContextSliceInferer(2, **arguments, device=None if arguments else "meta")(volume, network)
        ContextSliceInferer(2, cpu_thresh=1, device="meta")(volume, network)
        assert places == ["meta", "cpu", "cpu", "meta"], "a device that is given is the one that is taken"

    def test_coordinates_of_windows_are_refused_where_monai_fails_later(self, network, volume):
        with pytest.raises(ValueError, match=r"with_coord is True.*Leave it out"):
            ContextSliceInferer(2, with_coord=True)
        with pytest.raises(AttributeError):
            SliceInferer(2, (5, 6), with_coord=True)(volume, network)


class TestPadding:
    """Slices smaller than the window."""

    @pytest.mark.parametrize("window", [(12, 14), (16, 6), (5, 17), (10, 11)])
    @pytest.mark.parametrize(
        "arguments",
        [{"cval": -3.0}, {"padding_mode": "constant"}, {"padding_mode": "reflect"}, {"padding_mode": "circular"}],
        ids=str,
    )
    @PLANES
    def test_is_that_of_monai_where_it_is_asked_for(self, network, volume, plane, arguments, window):
        arguments = {"roi_size": window, "spatial_dim": plane, "overlap": 0.5, "mode": "gaussian", **arguments}
        same(ContextSliceInferer(**arguments)(volume, network), SliceInferer(**arguments)(volume, network))

    def test_is_none_without(self, network, volume):
        whole = ContextSliceInferer(2)(volume, network)
        same(ContextSliceInferer(2, (64, 64))(volume, network), whole)
        assert not torch.allclose(SliceInferer(2, (64, 64))(volume, network), whole, atol=1e-3)

    def test_with_mirrored_passes_and_groups(self, volume):
        def network(x: torch.Tensor) -> torch.Tensor:
            assert x.shape[2:] == (13, 12)
            return x[:, None, 2:8].unflatten(2, (3, 2)).movedim(3, 1)[:, :, 0]  # the three middle slices themselves

        inferer = ContextSliceInferer(2, (13, 12), cval=7.0, context=2, out_slices=3, mirror_axes=(0, 1, 2))
        same(inferer(volume, network), volume)

    def test_a_mode_that_does_not_exist_is_refused_with_those_that_do(self):
        with pytest.raises(ValueError, match="replicate"):
            ContextSliceInferer(padding_mode="mirror")


def as_tuple(network: nn.Module) -> Callable:
    return lambda x: (network(x), 2 * x)


def as_list(network: nn.Module) -> Callable:
    return lambda x: [network(x), 2 * x, network(x) - 1]


def as_dictionary(network: nn.Module) -> Callable:
    return lambda x: {"seg": network(x), "image": 2 * x}


def of_other_sizes(network: nn.Module) -> Callable:
    """As the coarse stages of a decoder; MONAI takes the largest first, in the order of the alphabet."""
    return lambda x: {"full": network(x), "half": nn.functional.avg_pool2d(network(x), 2)}


class TestSeveralOutputs:
    @pytest.mark.parametrize("form", [as_tuple, as_list, as_dictionary])
    @pytest.mark.parametrize("window", [(10, 11), (5, 6)])
    @PLANES
    def test_are_those_of_monai_in_the_same_form(self, network, volume, plane, window, form):
        arguments = {"roi_size": window, "spatial_dim": plane, "sw_batch_size": 3, "mode": "gaussian", "cval": 0.0}
        ours = ContextSliceInferer(**arguments)(volume, form(network))
        theirs = SliceInferer(**arguments)(volume, form(network))
        assert type(ours) is type(theirs)
        same(ours, theirs)

    @pytest.mark.parametrize("window", [(12, 8), (4, 4), (8, 4), (16, 16)])
    @PLANES
    def test_may_be_of_another_resolution(self, network, plane, window):
        image = torch.randn(2, 2, 12, 12, 12)
        arguments = {"roi_size": window, "spatial_dim": plane, "overlap": 0.5, "mode": "gaussian", "cval": 0.0}
        ours = ContextSliceInferer(**arguments)(image, of_other_sizes(network))
        same(ours, SliceInferer(**arguments)(image, of_other_sizes(network)))
        assert ours["half"].shape[2:].numel() == 12**3 // 4

    def test_of_another_resolution_meet_in_one_plane_only(self, network):
        with pytest.raises(RuntimeError, match="Name one plane with spatial_dim"):
            ContextSliceInferer((0, 1))(torch.randn(1, 2, 8, 8, 8), of_other_sizes(network))

    def test_of_several_planes_passes_and_groups_are_each_what_they_are_alone(self, volume):
        conv = nn.Conv2d(2 * 5, 2 * 3, 3, padding=1)

        def first(x: torch.Tensor) -> torch.Tensor:
            return conv(x).unflatten(1, (2, 3))

        arguments = {"roi_size": (6, 6), "context": 2, "out_slices": 3, "out_step": 1, "mirror_axes": (0, 2)}
        inferer = ContextSliceInferer((0, "axial"), **arguments)
        both = inferer(volume, lambda x: {"a": first(x), "b": first(x).sin()})
        same(both["a"], inferer(volume, first))
        same(both["b"], inferer(volume, lambda x: first(x).sin()))

    def test_become_labels_each_by_itself(self, network, volume):
        scores = ContextSliceInferer(2)(volume, as_tuple(network))
        labels = ContextSliceInferer(2, argmax=True)(volume, as_tuple(network))
        assert isinstance(labels, tuple)
        for one, expected in zip(labels, scores, strict=True):
            assert torch.equal(one, expected.argmax(1, keepdim=True).byte())
        with pytest.raises(ValueError, match=r"one channel.*Set argmax=False"):
            ContextSliceInferer(2, argmax=True)(volume, lambda x: (network(x), x[:, :1]))

    def test_keep_their_metadata(self, network, volume):
        image = MetaTensor(volume, affine=torch.diag(torch.tensor([2.0, 3, 4, 1])), meta={"filename_or_obj": "a"})
        outputs = ContextSliceInferer(2)(image, as_dictionary(network))
        assert all(isinstance(one, MetaTensor) and one.meta["filename_or_obj"] == "a" for one in outputs.values())
        assert all(torch.equal(one.affine, image.affine) for one in outputs.values())

    def test_of_a_single_slice(self, network):
        image = torch.randn(2, 2, 9, 10)
        same(ContextSliceInferer()(image, as_tuple(network)), (network(image), 2 * image))

    def test_of_deep_supervision_in_training_mode(self):
        network = MobileUNet(in_channels=2, deep_supervision=True, depth=3).train()
        outputs = ContextSliceInferer(2, sw_batch_size=3)(torch.randn(1, 2, 24, 24, 3), network)
        assert [tuple(one.shape) for one in outputs] == [(1, 2, 24, 24, 3)] * (1 + len(network.aux_heads))

    @pytest.mark.parametrize("output", [None, 3.0, "scores", (), {}, (torch.zeros(1), None), {"a": [1]}], ids=str)
    def test_of_anything_but_tensors_are_refused(self, volume, output):
        with pytest.raises(TypeError, match=r"the network returned .*; expected a tensor"):
            ContextSliceInferer(2)(volume, lambda x: output)

    def test_that_are_no_maps_of_scores_are_refused(self, network, volume):
        with pytest.raises(RuntimeError, match=r"returned scores of shape \(8, 5\)"):
            ContextSliceInferer(2)(volume, lambda x: (network(x), torch.zeros(len(x), 5)))


class TestCondition:
    @pytest.mark.parametrize("window", [(5, 6), (12, 14)])
    @PLANES
    def test_is_cut_and_padded_as_the_image_is(self, volume, plane, window):
        conv = nn.Conv2d(2, 3, 3, padding=1)

        def network(x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            return conv(x) * condition[:, :1] + conv(condition)

        arguments = {"roi_size": window, "spatial_dim": plane, "mode": "gaussian", "cval": 2.0}
        condition = torch.randn_like(volume)
        ours = ContextSliceInferer(**arguments)(volume, network, condition=condition)
        same(ours, SliceInferer(**arguments)(volume, network, condition=condition))

    def test_has_context_as_the_image_has(self, volume):
        seen = []

        def network(x: torch.Tensor, condition: torch.Tensor, factor: float) -> torch.Tensor:
            seen.append((x, condition))
            return factor * x[:, :2]

        ContextSliceInferer(2, sw_batch_size=99, context=1)(volume, network, 2.0, condition=-volume)
        for x, condition in seen:
            assert x.shape[1] == 6
            assert torch.equal(condition, -x)
