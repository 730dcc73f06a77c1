import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.slicing import PLANES, gather_slab, slice_axes, take_slices, with_context


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
    assert slices.shape == (len(indices), channels * (2 * context + 1), height, width)


def test_edges_are_repeated_beyond_the_first_and_the_last_slice():
    volume = torch.arange(4.0).expand(1, 2, 3, 4)  # the value is the number of the axial slice
    slices = take_slices(volume, torch.tensor([0, 3]), 2, context=2)
    assert slices[:, :, 0, 0].tolist() == [[0, 0, 0, 1, 2], [1, 2, 3, 3, 3]]


def test_channels_of_a_neighbour_stay_together_from_the_lowest_neighbour_up():
    volume = torch.stack([torch.arange(3.0), 10 + torch.arange(3.0)])[:, None, None]  # (2, 1, 1, 3)
    assert take_slices(volume, torch.tensor([1]), 2, context=1).flatten().tolist() == [0, 10, 1, 11, 2, 12]


@pytest.mark.parametrize(
    ("name", "spatial_dim", "turned"), [("sagittal", 0, False), ("coronal", 1, False), ("axial", 2, True)]
)
@pytest.mark.parametrize("context", [0, 1])
def test_by_name_the_rows_of_axial_slices_run_as_those_of_sagittal_ones(name, spatial_dim, turned, context):
    volume = torch.randn(2, 5, 4, 6)
    indices = torch.arange(volume.shape[spatial_dim + 1])
    by_number = take_slices(volume, indices, spatial_dim, context)
    assert torch.equal(take_slices(volume, indices, name, context), by_number.mT if turned else by_number)


@pytest.mark.parametrize("name", PLANES)
def test_axes_of_a_plane_are_stack_rows_columns(name):
    stack, rows, columns = slice_axes(name)
    shape = (5, 4, 6)
    slices = take_slices(torch.zeros(1, *shape), torch.arange(shape[stack]), name)
    assert slices.shape == (shape[stack], 1, shape[rows], shape[columns])


@pytest.mark.parametrize("spatial_dim", [-1, 3, "oblique", "2", None])
def test_other_planes_are_refused_with_the_ones_that_exist(spatial_dim):
    with pytest.raises(ValueError, match=r"expected one of \[0, 1, 2\] or \['sagittal', 'coronal', 'axial'\]") as error:
        slice_axes(spatial_dim)
    assert repr(spatial_dim) in str(error.value)


def test_slices_are_copies():
    volume = torch.zeros(1, 3, 3, 3)
    take_slices(volume, torch.arange(3), 0).add_(1)
    assert not volume.any()


@given(
    channels=st.integers(1, 3),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spatial_dim=st.sampled_from([0, 1, 2, *PLANES]),
    context=st.integers(0, 8),
    data=st.data(),
)
def test_a_slab_with_context_is_what_take_slices_gives(channels, shape, spatial_dim, context, data):
    volume = torch.randn(channels, *shape)
    depth = shape[slice_axes(spatial_dim)[0]]
    start = data.draw(st.integers(0, depth - 1))
    stop = data.draw(st.integers(start + 1, depth))
    slab = gather_slab(volume, start, stop, spatial_dim, context)
    assert slab.is_contiguous()
    expected = take_slices(volume, torch.arange(start, stop), spatial_dim, context)
    assert torch.equal(with_context(slab, context), expected)
    part = slice(data.draw(st.integers(0, stop - start - 1)), stop - start)
    block = slab[part.start : part.stop + 2 * context]
    assert torch.equal(with_context(block, context), expected[part])


@given(st.integers(0, 3), st.sampled_from([0, 1, 2, *PLANES]))
def test_mirrored_context_is_that_of_the_mirrored_volume(context, spatial_dim):
    volume = torch.randn(2, 5, 5, 5)
    mirrored = volume.flip(slice_axes(spatial_dim)[0] + 1)
    slab = with_context(gather_slab(volume, 1, 3, spatial_dim, context), context, mirrored=True)
    assert torch.equal(slab.flip(0), take_slices(mirrored, torch.tensor([2, 3]), spatial_dim, context))


def test_a_slab_of_a_volume_stored_slice_by_slice_is_a_view():
    volume = torch.randn(1, 9, 7, 6).permute(0, 3, 2, 1)  # as NIfTI files store it
    slab = gather_slab(volume, 2, 8, "axial")
    assert slab.data_ptr() == volume[:, :, :, 2:].data_ptr()


def test_neighbouring_slices_share_their_memory():
    slab = gather_slab(torch.randn(1, 5, 6, 20), 0, 20, 2, context=3)
    assert with_context(slab, 3).untyped_storage().nbytes() == 26 * 30 * 4
