"""Copies in another order hold the same values, whatever the order, the steps and the sizes of the original."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_mobileunet.data.memory_order import TILE_VALUES, c_ordered, f_ordered


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_copy_in_c_order_has_the_same_values(data):
    shape = data.draw(st.lists(st.integers(1, 150), min_size=2, max_size=2)) + data.draw(
        st.lists(st.integers(1, 5), max_size=2)
    )
    order = data.draw(st.permutations(range(len(shape))))
    steps = tuple(slice(None, None, data.draw(st.sampled_from((1, -1, 2)))) for _ in shape)
    values = np.arange(np.prod(shape), dtype=np.int32).reshape(shape).transpose(order)[steps]
    dtype = data.draw(st.sampled_from((None, np.float32)))
    copied = c_ordered(values, dtype)
    assert copied.flags.c_contiguous
    assert not np.shares_memory(copied, values)
    assert copied.dtype == (dtype or np.int32)
    assert np.array_equal(copied, values)


@pytest.mark.parametrize("shape", [(65, 130, 40), (16, TILE_VALUES // 512 + 1, 16), (70, 17, 2000)])
def test_tiles_meet_at_their_borders(shape: tuple[int, ...]):
    values = np.asfortranarray(np.random.default_rng(0).integers(-1000, 1000, shape, np.int16))
    assert np.array_equal(c_ordered(values, np.float32), values)


def test_long_thin_volumes_are_not_cut_into_many_tiles():
    values = np.asfortranarray(np.zeros((500_000, 2, 2), np.int16))
    with mock.patch("numpy.empty", side_effect=AssertionError("tiles")):
        assert c_ordered(values).shape == values.shape


def test_what_is_in_a_file_s_order_is_not_copied():
    values = np.random.default_rng(0).integers(0, 9, (20, 30, 40), np.uint8)
    turned = f_ordered(values)
    assert turned.flags.f_contiguous
    assert np.array_equal(turned, values)
    assert f_ordered(turned) is turned
