import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.inferers.windows import blend_windows, plan_windows


@given(st.data(), st.sampled_from(["constant", "gaussian"]), st.sampled_from([0.0, 0.25, 0.5, 0.8]))
def test_shares_add_up_and_what_is_alone_counts_fully(data, mode, overlap):
    size = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    roi = tuple(data.draw(st.integers(1, length)) for length in size)
    windows = plan_windows(size, roi, (overlap, overlap), mode, 0.125)
    total = torch.zeros(size)
    for window in windows:
        total[window.rows, window.columns] += window.weights
        assert torch.allclose(window.weights[window.alone], torch.ones(()))
    torch.testing.assert_close(total, torch.ones(size))


@given(st.data(), st.sampled_from(["constant", "gaussian"]))
def test_windows_of_one_slice_blend_to_it(data, mode):
    """A network that gives back its input: whatever the windows, the slice comes out."""
    size = data.draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    roi = tuple(data.draw(st.integers(1, length)) for length in size)
    slices = torch.randn(2, 3, *size)
    windows = plan_windows(size, roi, (0.3, 0.3), mode, 0.125)
    cut = torch.cat([slices[..., window.rows, window.columns] for window in windows])
    torch.testing.assert_close(blend_windows(cut, windows, size), slices)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_blends_in_the_type_of_the_scores(dtype):
    windows = plan_windows((9, 9), (5, 5), (0.25, 0.25), "gaussian", 0.125)
    blended = blend_windows(torch.ones(len(windows), 2, 5, 5, dtype=dtype), windows, (9, 9))
    assert blended.dtype == dtype
    torch.testing.assert_close(blended, torch.ones_like(blended), atol=1e-2, rtol=0)
