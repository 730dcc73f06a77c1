import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.slicing import PLANES, slice_channels, take_slices


def slices_one_by_one(volume: torch.Tensor, indices: list[int], spatial_dim: int, context: int) -> torch.Tensor:
    """take_slices as one would explain it."""
    last = volume.shape[spatial_dim + 1] - 1
    slices = []
    for index in indices:
        neighbours = range(index - context, index + context + 1)
        slices.append(torch.cat([volume.select(spatial_dim + 1, min(max(n, 0), last)) for n in neighbours]))
    return torch.stack(slices)


@given(
    channels=st.integers(1, 3),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spatial_dim=st.sampled_from([0, 1, 2]),
    context=st.integers(0, 8),
    data=st.data(),
)
def test_take_slices_equals_taking_them_one_by_one(channels, shape, spatial_dim, context, data):
    volume = torch.arange(channels * shape[0] * shape[1] * shape[2]).reshape(channels, *shape)
    indices = data.draw(st.lists(st.integers(0, shape[spatial_dim] - 1), min_size=1, max_size=8))
    slices = take_slices(volume, torch.tensor(indices), spatial_dim, context)
    assert torch.equal(slices, slices_one_by_one(volume, indices, spatial_dim, context))
    height, width = (length for axis, length in enumerate(shape) if axis != spatial_dim)
    assert slices.shape == (len(indices), slice_channels(channels, context), height, width)


def test_edges_are_repeated_beyond_the_first_and_the_last_slice():
    volume = torch.arange(4.0).expand(1, 2, 3, 4)  # the value is the number of the axial slice
    slices = take_slices(volume, torch.tensor([0, 3]), 2, context=2)
    assert slices[:, :, 0, 0].tolist() == [[0, 0, 0, 1, 2], [1, 2, 3, 3, 3]]


def test_channels_of_a_neighbour_stay_together_from_the_lowest_neighbour_up():
    volume = torch.stack([torch.arange(3.0), 10 + torch.arange(3.0)])[:, None, None]  # (2, 1, 1, 3)
    assert take_slices(volume, torch.tensor([1]), 2, context=1).flatten().tolist() == [0, 10, 1, 11, 2, 12]


@pytest.mark.parametrize(
    ("plane", "shape"), [("sagittal", (5, 1, 4, 6)), ("coronal", (4, 1, 5, 6)), ("axial", (6, 1, 5, 4))]
)
def test_planes_are_across_the_axes_of_a_ras_volume(plane, shape):
    volume = torch.zeros(1, 5, 4, 6)
    axis = PLANES[plane]
    assert take_slices(volume, torch.arange(volume.shape[axis + 1]), axis).shape == shape


def test_slices_are_copies():
    volume = torch.zeros(1, 3, 3, 3)
    take_slices(volume, torch.arange(3), 0).add_(1)
    assert not volume.any()


@pytest.mark.parametrize(("in_channels", "context", "channels"), [(1, 0, 1), (1, 1, 3), (1, 2, 5), (4, 1, 12)])
def test_slice_channels(in_channels, context, channels):
    assert slice_channels(in_channels, context) == channels
