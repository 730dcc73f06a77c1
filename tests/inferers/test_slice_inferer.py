import json

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.engines import SupervisedEvaluator
from monai.inferers import SliceInferer
from torch import nn

from monai_mobileunet import ContextSliceInferer, MobileUNet

pytestmark = pytest.mark.usefixtures("no_grad")
CHANNELS, CLASSES = 2, 3
SHAPE = (9, 10, 11)


class Recorder(nn.Module):
    """Two convolutions, so that a pixel's score depends on the window around it, and what they were called with."""

    def __init__(self, in_channels=CHANNELS):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, CLASSES, 5, padding=2)
        )
        self.inputs = []

    def forward(self, x):
        self.inputs.append(x.clone())
        return self.layers(x)

    @property
    def shapes(self):
        return [tuple(x.shape) for x in self.inputs]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Convolutions this small lose more by waiting for a second thread than they win."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def network():
    return Recorder().eval()


def volume(batch=1, channels=CHANNELS, shape=SHAPE):
    return torch.randn(batch, channels, *shape)


def slice_size(plane, shape=SHAPE):
    return tuple(length for axis, length in enumerate(shape) if axis != plane)


def same(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def by_hand(inputs, network, plane, context=0):
    """Every slice by itself, whole."""
    last, scores = inputs.shape[plane + 2] - 1, []
    for index in range(last + 1):
        neighbours = range(index - context, index + context + 1)
        scores.append(network(torch.cat([inputs.select(plane + 2, min(max(n, 0), last)) for n in neighbours], dim=1)))
    return torch.stack(scores, dim=plane + 2)


class TestAgainstMonai:
    @pytest.mark.parametrize("sw_batch_size", [1, 5])
    @pytest.mark.parametrize("batch", [1, 2])
    @pytest.mark.parametrize("overlap", [0.25, 0.5])
    @pytest.mark.parametrize("mode", ["constant", "gaussian"])
    @pytest.mark.parametrize("roi_size", [(5, 6), (4, 11), (9, 4)])
    @pytest.mark.parametrize("plane", [0, 1, 2])
    def test_windows_give_the_scores_of_slice_inferer(
        self, network, plane, roi_size, mode, overlap, batch, sw_batch_size
    ):
        roi_size = tuple(min(r, s) for r, s in zip(roi_size, slice_size(plane), strict=True))
        self._check(network, volume(batch), plane, roi_size, mode, overlap, sw_batch_size)

    @pytest.mark.parametrize("batch", [1, 2])
    @pytest.mark.parametrize("sw_batch_size", [1, 5])
    @pytest.mark.parametrize("mode", ["constant", "gaussian"])
    @pytest.mark.parametrize("plane", [0, 1, 2])
    def test_whole_slices_give_the_scores_of_slice_inferer(self, network, plane, mode, sw_batch_size, batch):
        self._check(network, volume(batch), plane, slice_size(plane), mode, 0.25, sw_batch_size)

    @staticmethod
    def _check(network, inputs, plane, roi_size, mode, overlap, sw_batch_size):
        arguments = {
            "roi_size": roi_size,
            "sw_batch_size": sw_batch_size,
            "overlap": overlap,
            "mode": mode,
            "spatial_dim": plane,
        }
        scores = ContextSliceInferer(**arguments)(inputs, network)
        expected = SliceInferer(**arguments)(inputs, network)
        assert scores.shape == expected.shape == (len(inputs), CLASSES, *SHAPE)
        same(scores, expected)


class TestWindows:
    @pytest.mark.parametrize("roi_size", [-1, (-1, -1), 64, (32, 10), (9, 10)])
    def test_a_slice_that_fits_is_seen_whole_and_unpadded(self, network, roi_size):
        inputs = volume()
        scores = ContextSliceInferer(2, roi_size=roi_size)(inputs, network)
        assert {shape[2:] for shape in network.shapes} == {(9, 10)}
        same(scores, by_hand(inputs, network, 2))

    @pytest.mark.parametrize(
        ("roi_size", "window"), [((64, 4), (9, 4)), ((4, 64), (4, 10)), ((-1, 4), (9, 4)), (4, (4, 4))]
    )
    def test_only_the_axis_that_is_too_long_is_cut(self, network, roi_size, window):
        ContextSliceInferer(2, roi_size=roi_size)(volume(), network)
        assert {shape[2:] for shape in network.shapes} == {window}

    def test_overlap_per_axis(self, network):
        ContextSliceInferer(2, roi_size=(9, 5), sw_batch_size=99, overlap=(0.0, 0.0))(volume(shape=(9, 10, 1)), network)
        ContextSliceInferer(2, roi_size=(9, 5), sw_batch_size=99, overlap=(0.0, 0.5))(volume(shape=(9, 10, 1)), network)
        assert network.shapes == [(2, CHANNELS, 9, 5), (4, CHANNELS, 9, 5)]


class Grouped(nn.Module):
    """Predicts the middle slices of its context at once; each depends on its place, so that none can be mixed up."""

    def __init__(self, context, out_slices):
        super().__init__()
        self.out_slices = out_slices
        self.conv = nn.Conv2d(CHANNELS * (2 * context + 1), CLASSES * out_slices, 3, padding=1)
        self.calls = 0

    def forward(self, x):
        self.calls += len(x)
        return self.conv(x).unflatten(1, (CLASSES, self.out_slices))


class TestOutSlices:
    """A network that predicts several slices at once."""

    @staticmethod
    def _by_hand(inputs, network, plane, context, step):
        axis, size = plane + 2, network.out_slices
        depth = inputs.shape[axis]
        starts = sorted({min(start, max(depth - size, 0)) for start in range(0, depth, step)})
        sums, counts = [0] * depth, [0] * depth
        for start in starts:
            middle = start + size // 2
            neighbours = (min(max(n, 0), depth - 1) for n in range(middle - context, middle + context + 1))
            scores = network(torch.cat([inputs.select(axis, n) for n in neighbours], dim=1))
            for place in range(size):
                if start + place < depth:
                    sums[start + place] += scores[:, :, place]
                    counts[start + place] += 1
        return torch.stack([total / count for total, count in zip(sums, counts, strict=True)], dim=axis)

    @pytest.mark.parametrize("sw_batch_size", [1, 3, 99])
    @pytest.mark.parametrize("plane", [0, 1, 2])
    @pytest.mark.parametrize(("out_slices", "step"), [(3, 1), (3, 3), (5, 2), (5, None), (13, 4)])
    def test_scores_are_the_means_over_the_groups(self, out_slices, step, plane, sw_batch_size):
        network, inputs = Grouped(7, out_slices), volume(2)
        inferer = ContextSliceInferer(plane, -1, sw_batch_size, context=7, out_slices=out_slices, out_step=step)
        expected = self._by_hand(inputs, network, plane, 7, step or out_slices)
        same(inferer(inputs, network), expected)

    def test_labels_are_those_of_the_scores(self):
        network, inputs = Grouped(2, 3), volume(2)
        arguments = {"spatial_dim": 2, "sw_batch_size": 2, "context": 2, "out_slices": 3, "out_step": 1}
        scores = ContextSliceInferer(**arguments)(inputs, network)
        labels = ContextSliceInferer(**arguments, argmax=True)(inputs, network)
        assert torch.equal(labels, scores.argmax(1, keepdim=True).to(torch.uint8))

    @pytest.mark.parametrize("axes", [(0,), (2,), (0, 1, 2)])
    def test_mirrored_passes_are_those_of_the_mirrored_volume(self, axes):
        network, inputs = Grouped(2, 3), volume(shape=(6, 7, 12))  # 12 slices: mirrored groups lie on groups
        arguments = {"spatial_dim": 2, "sw_batch_size": 2, "context": 2, "out_slices": 3}
        plain = ContextSliceInferer(**arguments)
        passes = [[]]
        for axis in axes:
            passes += [[*subset, axis + 2] for subset in passes]
        expected = sum(plain(inputs.flip(dims), network).flip(dims) for dims in passes) / len(passes)
        mirrored = ContextSliceInferer(**arguments, mirror_axes=axes)(inputs, network)
        same(mirrored, expected)

    def test_windows_are_blended_in_every_slice(self):
        class Same(nn.Module):
            def forward(self, x):
                return x[:, 1:4, None].expand(-1, -1, 3, -1, -1).transpose(1, 2)  # scores of a slice: the slice

        inputs = volume(channels=1)
        arguments = {"spatial_dim": 2, "context": 2, "out_slices": 3, "out_step": 1, "mode": "gaussian", "overlap": 0.5}
        scores = ContextSliceInferer(roi_size=(4, 6), **arguments)(inputs, Same())
        same(scores, inputs.expand(-1, 3, -1, -1, -1))

    def test_a_step_of_several_slices_saves_calls(self):
        network = Grouped(2, 5)
        for step, calls in ((5, 3), (1, 7)):
            network.calls = 0
            ContextSliceInferer(2, context=2, out_slices=5, out_step=step)(volume(), network)
            assert network.calls == calls

    def test_a_single_slice(self):
        network, inputs = Grouped(2, 3), volume()
        scores = ContextSliceInferer(2, context=2, out_slices=3)(inputs[..., 4], network)
        assert scores.shape == (1, CLASSES, 9, 10)

    def test_a_network_made_for_another_number_is_named(self, network):
        with pytest.raises(RuntimeError, match=r"'classes', 3, 'H'"):
            ContextSliceInferer(2, out_slices=3)(volume(), network)
        with pytest.raises(RuntimeError, match=r"'classes', 5, 'H'"):
            ContextSliceInferer(2, out_slices=5, context=2)(volume(), Grouped(2, 3))
        with pytest.raises(RuntimeError, match=r"'classes', 'H'"):
            ContextSliceInferer(2, context=2)(volume(), Grouped(2, 3))

    def test_the_networks_of_the_package(self):
        network = MobileUNet(in_channels=7, out_channels=CLASSES, out_slices=3, stem_stride=1, depth=3).eval()
        scores = ContextSliceInferer(2, context=3, out_slices=3)(volume(channels=1), network)
        assert scores.shape == (1, CLASSES, *SHAPE)


class TestBatches:
    @pytest.mark.parametrize(
        ("sw_batch_size", "sizes"), [(1, [1] * 11), (4, [4, 4, 3]), (8, [8, 3]), (11, [11]), (99, [11])]
    )
    def test_slices_go_through_the_network_together(self, network, sw_batch_size, sizes):
        inputs = volume()
        scores = ContextSliceInferer(2, sw_batch_size=sw_batch_size)(inputs, network)
        assert [shape[0] for shape in network.shapes] == sizes
        same(scores, by_hand(inputs, network, 2))

    @pytest.mark.parametrize("sw_batch_size", [1, 3, 5])
    @pytest.mark.parametrize("plane", [0, 1, 2])
    def test_no_call_gets_more_windows_than_sw_batch_size(self, network, plane, sw_batch_size):
        ContextSliceInferer(roi_size=(5, 6), sw_batch_size=sw_batch_size, spatial_dim=plane)(volume(2), network)
        assert max(shape[0] for shape in network.shapes) == sw_batch_size

    def test_items_of_a_batch_are_independent(self, network):
        inputs = volume(2)
        inferer = ContextSliceInferer(2, context=0, sw_batch_size=4)
        together = inferer(inputs, network)
        for item in range(2):
            alone = inferer(inputs[item : item + 1], network)
            same(together[item : item + 1], alone)


class TestContext:
    @pytest.mark.parametrize("context", [1, 2, 20])
    @pytest.mark.parametrize("plane", [0, 1, 2])
    def test_network_gets_the_neighbours_as_channels(self, plane, context):
        network, inputs = Recorder(CHANNELS * (2 * context + 1)), volume(2)
        scores = ContextSliceInferer(spatial_dim=plane, context=context, sw_batch_size=4)(inputs, network)
        assert scores.shape == (2, CLASSES, *SHAPE)
        seen = torch.cat(network.inputs).unflatten(0, (2, SHAPE[plane]))
        for number in range(SHAPE[plane]):
            for position, neighbour in enumerate(range(number - context, number + context + 1)):
                expected = inputs.select(plane + 2, min(max(neighbour, 0), SHAPE[plane] - 1))
                channels = slice(CHANNELS * position, CHANNELS * (position + 1))
                assert torch.equal(seen[:, number, channels], expected)

    @pytest.mark.parametrize("sw_batch_size", [1, 4])
    def test_neighbours_come_from_the_volume_and_not_from_the_batch_of_slices(self, sw_batch_size):
        network, inputs = Recorder(CHANNELS * 3), volume()
        scores = ContextSliceInferer(2, context=1, sw_batch_size=sw_batch_size)(inputs, network)
        same(scores, by_hand(inputs, network, 2, context=1))

    def test_windows_have_context_too(self):
        network = Recorder(CHANNELS * 3)
        ContextSliceInferer(2, roi_size=(5, 6), context=1)(volume(), network)
        assert {shape[1:] for shape in network.shapes} == {(CHANNELS * 3, 5, 6)}


class TestPlanes:
    @pytest.mark.parametrize("plane", [0, 1, 2])
    def test_slices_are_stacked_along_spatial_dim(self, network, plane):
        inputs = volume(2)
        scores = ContextSliceInferer(spatial_dim=plane)(inputs, network)
        same(scores, by_hand(inputs, network, plane))

    @pytest.mark.parametrize(("name", "axis"), [("sagittal", 0), ("coronal", 1)])
    def test_sagittal_and_coronal_slices_lie_as_those_of_their_axis(self, network, name, axis):
        inputs = volume()
        by_name = ContextSliceInferer(roi_size=(5, 6), spatial_dim=name)(inputs, network)
        assert torch.equal(by_name, ContextSliceInferer(roi_size=(5, 6), spatial_dim=axis)(inputs, network))

    @pytest.mark.parametrize("roi_size", [(-1, -1), (5, 6)])
    def test_the_network_sees_axial_slices_turned_and_the_scores_are_turned_back(self, network, roi_size):
        inputs = volume(2)
        scores = ContextSliceInferer(roi_size=roi_size, spatial_dim="axial")(inputs, network)
        window = (10, 9) if roi_size == (-1, -1) else roi_size
        assert {shape[2:] for shape in network.shapes} == {window}
        turned = ContextSliceInferer(roi_size=roi_size, spatial_dim=2)(inputs.transpose(2, 3), network).transpose(2, 3)
        same(scores, turned)

    @pytest.mark.parametrize("planes", [(0, 1), ("axial", "coronal", "sagittal"), [2, "sagittal"]])
    def test_scores_of_several_planes_are_averaged(self, network, planes):
        inputs = volume(2)
        scores = ContextSliceInferer(roi_size=(6, 6), spatial_dim=planes)(inputs, network)
        each = [ContextSliceInferer(roi_size=(6, 6), spatial_dim=plane)(inputs, network) for plane in planes]
        same(scores, torch.stack(each).mean(dim=0))


class TestMirroring:
    @pytest.mark.parametrize("planes", ["axial", 0, ("sagittal", "coronal")])
    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_scores_are_the_mean_with_those_of_the_mirrored_volume_mirrored_back(self, planes, axis):
        network, inputs = Recorder(CHANNELS * 3), volume(2)
        plain = ContextSliceInferer(roi_size=(6, 6), spatial_dim=planes, context=1)
        mirrored = ContextSliceInferer(roi_size=(6, 6), spatial_dim=planes, context=1, mirror_axes=(axis,))
        expected = (plain(inputs, network) + plain(inputs.flip(axis + 2), network).flip(axis + 2)) / 2
        same(mirrored(inputs, network), expected)
        assert not torch.allclose(expected, plain(inputs, network), atol=1e-3)

    @pytest.mark.parametrize(("axes", "passes"), [((), 1), (0, 2), ((1,), 2), ((0, 2), 4), ((0, 1, 2), 8)])
    def test_every_combination_is_a_pass(self, network, axes, passes):
        inferer = ContextSliceInferer(2, sw_batch_size=SHAPE[2], mirror_axes=axes)
        inferer(volume(), network)
        assert len(network.inputs) == passes

    @pytest.mark.parametrize("axes", [(0,), (0, 1)])
    def test_a_mirrored_volume_has_the_mirrored_scores(self, network, axes):
        inferer, inputs = ContextSliceInferer(2, mirror_axes=axes), volume()
        same(inferer(inputs.flip(2), network), inferer(inputs, network).flip(2))

    def test_of_a_single_slice(self, network):
        image = torch.randn(1, CHANNELS, 9, 10)
        scores = ContextSliceInferer(2, mirror_axes=(0, 2))(image, network)
        assert len(network.inputs) == 2, "a slice is not mirrored along the axis that it lacks"
        expected = (network(image) + network(image.flip(2)).flip(2)) / 2
        same(scores, expected)


class TestSingleSlice:
    @pytest.mark.parametrize("plane", [0, 2, (0, 1)])
    def test_an_image_without_a_third_axis_is_one_slice(self, network, plane):
        image = torch.randn(3, CHANNELS, 9, 10)
        scores = ContextSliceInferer(spatial_dim=plane)(image, network)
        same(scores, network(image))

    def test_is_its_own_context(self):
        network, image = Recorder(CHANNELS * 3), torch.randn(1, CHANNELS, 9, 10)
        ContextSliceInferer(2, context=1)(image, network)
        assert torch.equal(network.inputs[0], image.repeat(1, 3, 1, 1))

    def test_windows(self, network):
        image = torch.randn(2, CHANNELS, 9, 10)
        scores = ContextSliceInferer(2, roi_size=(5, 6), mode="gaussian")(image, network)
        as_volume = ContextSliceInferer(2, roi_size=(5, 6), mode="gaussian")(image[..., None], network)
        assert {shape[2:] for shape in network.shapes} == {(5, 6)}
        assert torch.equal(scores, as_volume[..., 0])


class TestOutput:
    @pytest.mark.parametrize("planes", [2, (0, 1, 2)])
    @pytest.mark.parametrize("shape", [SHAPE, SHAPE[:2]])
    @pytest.mark.parametrize("roi_size", [-1, 5])
    def test_a_meta_tensor_keeps_its_metadata(self, network, planes, shape, roi_size):
        affine = torch.tensor([[0.0, -2, 0, 5], [3, 0, 0, -7], [0, 0, 4, 1], [0, 0, 0, 1]], dtype=torch.float64)
        image = MetaTensor(volume(shape=shape), affine=affine, meta={"filename_or_obj": "case.nii.gz"})
        scores = ContextSliceInferer(roi_size=roi_size, spatial_dim=planes)(image, network)
        assert isinstance(scores, MetaTensor)
        assert scores.shape == (1, CLASSES, *shape)
        assert torch.equal(scores.affine, affine)
        assert scores.meta["filename_or_obj"] == "case.nii.gz"
        assert torch.equal(scores.as_tensor(), ContextSliceInferer(roi_size=roi_size, spatial_dim=planes)(
            image.as_tensor(), network
        ))  # fmt: skip

    def test_the_network_never_sees_a_meta_tensor(self, network):
        ContextSliceInferer(2)(MetaTensor(volume()), network)
        assert not any(isinstance(x, MetaTensor) for x in network.inputs)

    @pytest.mark.parametrize("roi_size", [-1, 5])
    def test_has_the_floating_point_type_of_the_inputs(self, network, roi_size):
        scores = ContextSliceInferer(2, roi_size=roi_size)(volume().double(), network.double())
        assert scores.dtype == torch.float64
        assert not isinstance(scores, MetaTensor)

    @pytest.mark.parametrize("roi_size", [-1, 5])
    def test_inputs_are_left_as_they_are(self, network, roi_size):
        inputs = volume()
        before = inputs.clone()
        ContextSliceInferer(roi_size=roi_size, context=0, spatial_dim=(0, 2))(inputs, network)
        assert torch.equal(inputs, before)

    def test_progress_bar_changes_no_score(self, network, capsys):
        inputs = volume()
        scores = ContextSliceInferer(2, progress=True)(inputs, network)
        assert "slices" in capsys.readouterr().out
        assert torch.equal(scores, ContextSliceInferer(2)(inputs, network))

    def test_gradients_reach_the_network(self, network):
        with torch.enable_grad():
            ContextSliceInferer(roi_size=(5, 6), spatial_dim=(0, 2))(volume(), network).square().mean().backward()
        assert all(p.grad.abs().max() > 0 for p in network.parameters())


class TestLabels:
    @pytest.mark.parametrize("roi_size", [-1, (5, 6)])
    @pytest.mark.parametrize("planes", [2, "axial", ["axial", "coronal", "sagittal"]])
    @pytest.mark.parametrize("mirror_axes", [(), (0, 2)])
    def test_are_those_of_the_highest_scores(self, network, roi_size, planes, mirror_axes):
        arguments = {"roi_size": roi_size, "spatial_dim": planes, "mirror_axes": mirror_axes, "sw_batch_size": 4}
        inputs = volume(2)
        scores = ContextSliceInferer(**arguments)(inputs, network)
        labels = ContextSliceInferer(**arguments, argmax=True)(inputs, network)
        assert labels.dtype == torch.uint8
        assert labels.shape == (2, 1, *SHAPE)
        highest = scores.topk(2, dim=1).values
        clear = (highest[:, :1] - highest[:, 1:]) > 2e-3  # planes are averaged in half precision
        assert clear.float().mean() > 0.98
        assert torch.equal(labels[clear], scores.argmax(1, keepdim=True)[clear].byte())

    def test_of_a_single_slice(self, network):
        inputs = torch.randn(2, CHANNELS, 9, 10)
        labels = ContextSliceInferer(2, argmax=True)(inputs, network)
        assert torch.equal(labels, network(inputs).argmax(1, keepdim=True).byte())

    def test_keep_their_type_and_metadata(self, network):
        inputs = MetaTensor(volume(), affine=torch.diag(torch.tensor([2.0, 3, 4, 1])), meta={"filename_or_obj": "a"})
        labels = ContextSliceInferer(2, argmax=True)(inputs, network)
        assert labels.dtype == torch.uint8
        assert torch.equal(labels.affine, inputs.affine)
        assert labels.meta["filename_or_obj"] == "a"


class TestPreferredBatch:
    @pytest.mark.parametrize(("preferred", "sizes"), [(1, [1] * 11), (3, [3, 3, 2, 3]), (99, [8, 3])])
    def test_batches_are_no_larger_than_the_network_likes(self, network, preferred, sizes):
        network.preferred_batch_size = lambda height, width: preferred
        inputs = volume()
        scores = ContextSliceInferer(2, sw_batch_size=8)(inputs, network)
        assert [shape[0] for shape in network.shapes] == sizes
        same(scores, by_hand(inputs, network, 2))

    def test_it_is_asked_for_the_window(self, network):
        asked = []
        network.preferred_batch_size = lambda height, width: asked.append((height, width)) or 4
        ContextSliceInferer(2, roi_size=(5, 64))(volume(), network)
        assert asked == [(5, 10)]


class TestNetwork:
    @pytest.mark.parametrize("roi_size", [-1, 5])
    def test_gets_further_arguments(self, network, roi_size):
        def scaled(x, factor, shift=0.0):
            return factor * network(x) + shift

        inputs = volume()
        scores = ContextSliceInferer(2, roi_size=roi_size)(inputs, scaled, 3.0, shift=2.0)
        plain = ContextSliceInferer(2, roi_size=roi_size)(inputs, network)
        same(scores, 3 * plain + 2)


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"spatial_dim": 3},
                r"spatial_dim is 3; expected one of \[0, 1, 2\] or \['sagittal', 'coronal', 'axial'\]",
            ),
            ({"spatial_dim": -1}, r"spatial_dim is -1; expected one of"),
            ({"spatial_dim": "oblique"}, r"spatial_dim is 'oblique'; expected one of"),
            ({"spatial_dim": (0, 3)}, r"spatial_dim is 3; expected one of"),
            ({"spatial_dim": (0, "sagittal")}, r"spatial_dim is \(0, 'sagittal'\); give one to three different planes"),
            ({"spatial_dim": ()}, r"spatial_dim is \(\); give one to three different planes"),
            ({"context": -1}, r"context is -1; .* 0 or more"),
            ({"mirror_axes": (3,)}, r"mirror_axes is \(3,\); name axes of the volume, 0, 1 or 2, each once"),
            ({"mirror_axes": (0, 0)}, r"mirror_axes is \(0, 0\); name axes of the volume"),
            ({"out_slices": 4}, r"out_slices is 4; it must be odd"),
            ({"out_slices": 3, "out_step": 4}, r"out_step is 4; with 3 slices at once"),
            ({"out_step": 0}, r"out_step is 0"),
            ({"sw_batch_size": 0}, r"sw_batch_size is 0; .* at least 1"),
            ({"overlap": 1.0}, r"overlap is 1.0; it must be in \[0, 1\)"),
            ({"overlap": -0.1}, r"overlap is -0.1; it must be in \[0, 1\)"),
            ({"overlap": (0.25, 1.5)}, r"overlap is \(0.25, 1.5\); it must be in \[0, 1\)"),
        ],
    )
    def test_constructor_says_what_is_wrong_and_what_is_right(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            ContextSliceInferer(**arguments)

    def test_a_window_has_two_axes(self):
        with pytest.raises(ValueError, match="3"):
            ContextSliceInferer(2, roi_size=(8, 8, 8))

    @pytest.mark.parametrize("shape", [(2, 9, 10), (1, 2, 9, 10, 11, 12), (1, 2, 9, 10, 0)])
    def test_inputs_of_another_rank_or_empty(self, network, shape):
        with pytest.raises(ValueError, match=r"expected \(B, C, H, W, D\), or \(B, C, H, W\) for one slice") as error:
            ContextSliceInferer(2)(torch.zeros(shape), network)
        assert str(shape) in str(error.value)


class TestInMonai:
    def test_takes_the_place_of_slice_inferer(self):
        assert isinstance(ContextSliceInferer(2), SliceInferer)

    def test_evaluates_in_an_engine(self, network):
        image, label = volume(), torch.zeros(1, 1, *SHAPE)
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=[{"image": image, "label": label}],
            network=network,
            inferer=ContextSliceInferer(roi_size=(6, 6), spatial_dim="coronal"),
            decollate=False,
        )
        evaluator.run()
        expected = ContextSliceInferer(roi_size=(6, 6), spatial_dim=1)(image, network)
        assert torch.equal(evaluator.state.output["pred"], expected)

    def test_is_built_from_a_config(self, network, tmp_path):
        arguments = {"roi_size": [6, -1], "sw_batch_size": 3, "overlap": 0.5, "mode": "gaussian"}
        config = {
            "plane": ["axial", "sagittal"],
            "inferer": {
                "_target_": "monai_mobileunet.inferers.ContextSliceInferer",
                **arguments,
                "spatial_dim": "@plane",
            },
        }
        (tmp_path / "inference.json").write_text(json.dumps(config))
        parser = ConfigParser()
        parser.read_config(tmp_path / "inference.json")
        inputs = volume()
        scores = parser.get_parsed_content("inferer")(inputs, network)
        assert torch.equal(scores, ContextSliceInferer(**arguments, spatial_dim=("axial", "sagittal"))(inputs, network))


def test_scores_of_whole_numbers_are_not_cut_to_whole_numbers():
    inputs = torch.arange(2 * 3 * 4).reshape(1, 1, 2, 3, 4)
    scores = ContextSliceInferer(2)(inputs, lambda slices: slices.float() / 3)
    torch.testing.assert_close(scores, inputs / 3)
