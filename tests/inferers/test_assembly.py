from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.inferers.assembly import GroupMean, labels_of_scores, plan_groups

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


layouts = st.tuples(st.integers(1, 40), st.integers(1, 9)).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), st.integers(1, pair[1]))
)


class TestLabels:
    @given(st.integers(1, 9), st.sampled_from(FLOATS), st.integers(0, 99))
    def test_is_argmax(self, classes, dtype, seed):
        torch.manual_seed(seed)
        scores = torch.randn(2, classes, 5, 4).to(dtype)
        scores = scores.permute(0, 1, 3, 2) if seed % 2 else scores
        labels = labels_of_scores(scores)
        assert labels.dtype == torch.uint8
        assert torch.equal(labels.long(), scores.float().argmax(1, keepdim=True))

    def test_of_equal_scores_the_lowest(self):
        scores = torch.tensor([[1.0, 1, 0], [2, 2, 2]]).view(2, 3, 1, 1)
        assert labels_of_scores(scores).flatten().tolist() == [0, 0]

    def test_whole_range_of_a_byte(self):
        scores = torch.eye(256).view(256, 256, 1, 1)
        assert labels_of_scores(scores).flatten().tolist() == list(range(256))
        with pytest.raises(ValueError, match="257 classes"):
            labels_of_scores(torch.zeros(1, 257, 1, 1))

    def test_scores_with_gradients_and_their_memory_are_left_alone(self):
        scores = torch.randn(1, 3, 4, 4, requires_grad=True)
        before = scores.detach().clone()
        labels_of_scores(scores)
        assert torch.equal(scores, before)


class TestGroups:
    @given(layouts)
    def test_groups_cover_the_stack_and_stay_inside_it(self, layout):
        depth, size, step = layout
        starts = plan_groups(depth, size, step)
        covered = {index for start in starts for index in range(start, start + size)}
        assert set(range(depth)) <= covered
        assert starts == sorted(set(starts))
        assert starts[0] == 0
        assert depth <= size or starts[-1] + size == depth
        assert all(later - earlier <= step for earlier, later in pairwise(starts))

    @given(layouts, st.integers(1, 5))
    def test_every_slice_comes_once_with_the_mean_over_its_groups(self, layout, batch):
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
