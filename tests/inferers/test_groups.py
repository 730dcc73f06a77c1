from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.inferers.groups import GroupMean, plan_groups

layouts = st.tuples(st.integers(1, 40), st.integers(1, 9)).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), st.integers(1, pair[1]))
)


@given(layouts)
def test_groups_cover_the_stack_and_stay_inside_it(layout):
    depth, size, step = layout
    starts = plan_groups(depth, size, step)
    covered = {index for start in starts for index in range(start, start + size)}
    assert set(range(depth)) <= covered
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert depth <= size or starts[-1] + size == depth
    assert all(later - earlier <= step for earlier, later in pairwise(starts))


@given(layouts, st.integers(1, 5))
def test_every_slice_comes_once_with_the_mean_over_its_groups(layout, batch):
    depth, size, step = layout
    starts = plan_groups(depth, size, step)
    scores = torch.randn(len(starts), 2, size, 1, 3, generator=torch.Generator().manual_seed(0))
    mean, got = GroupMean(depth), []
    for at in range(0, len(starts), batch):
        part = starts[at : at + batch]
        following = starts[at + batch] if at + batch < len(starts) else None
        place, slices = mean.add(part, scores[at : at + batch], following)
        assert place.start == len(got)
        got += list(slices)
        assert place.stop == len(got)
    assert len(got) == depth
    for index, values in enumerate(got):
        expected = [scores[g, :, index - start] for g, start in enumerate(starts) if start <= index < start + size]
        torch.testing.assert_close(values, torch.stack(expected).mean(0))
