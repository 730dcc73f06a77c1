from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.networks.utils import one_hot
from monai.transforms import Compose

from monai_mobileunet.transforms import RandMirrorSidesd


def sided(dtype=torch.uint8):
    label = torch.zeros(1, 6, 3, 2, dtype=dtype)
    label[0, 0], label[0, 1], label[0, 4], label[0, 5] = 5, 3, 1, 4
    return {"image": torch.rand(2, 6, 3, 2), "label": MetaTensor(label), "name": "x"}


class TestRandMirrorSidesd:
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
    def test_image_and_label_are_mirrored_and_the_sides_exchanged(self, dtype):
        before = sided(dtype)
        after = RandMirrorSidesd(pairs=[(3, 4)], prob=1.0)(before)
        assert torch.equal(after["image"], before["image"].flip(1))
        assert after["label"][0, :, 0, 0].tolist() == [3, 1, 0, 0, 4, 5]
        assert after["label"].dtype == dtype
        assert after["name"] == "x"
        assert before["label"][0, :, 0, 0].tolist() == [5, 3, 0, 0, 1, 4], "the given case stays as it is"

    def test_of_scores_the_channels_of_the_sides_are_exchanged(self):
        before = sided()
        scores = {**before, "label": one_hot(torch.as_tensor(before["label"])[None].long(), 6)[0]}
        after = RandMirrorSidesd(pairs=[(3, 4)], prob=1.0)(scores)
        numbers = RandMirrorSidesd(pairs=[(3, 4)], prob=1.0)(before)["label"]
        assert torch.equal(after["label"].argmax(0, keepdim=True), numbers.long())

    def test_twice_is_the_case_itself(self):
        mirror = RandMirrorSidesd(pairs=[(3, 4), (1, 5)], prob=1.0)
        before = sided()
        after = Compose([mirror, mirror])(before)
        assert torch.equal(after["label"], before["label"].as_tensor())
        assert torch.equal(after["image"], before["image"])

    def test_half_of_the_cases_and_by_the_seed(self):
        mirror, before = RandMirrorSidesd(pairs=[(3, 4)]), sided()
        mirror.set_random_state(0)
        draws = [not torch.equal(mirror(before)["image"], before["image"]) for _ in range(200)]
        assert 70 < sum(draws) < 130
        mirror.set_random_state(0)
        assert draws[:20] == [not torch.equal(mirror(before)["image"], before["image"]) for _ in range(20)]

    def test_without_pairs_it_is_a_flip(self):
        after = RandMirrorSidesd(prob=1.0)(sided())
        assert after["label"][0, :, 0, 0].tolist() == [4, 1, 0, 0, 3, 5]

    @pytest.mark.parametrize("pairs", [[(0, 1)], [(1, 2), (2, 3)], [(3, 3)]])
    def test_pairs_that_make_no_sense_are_refused(self, pairs):
        with pytest.raises(ValueError, match="belongs into one pair"):
            RandMirrorSidesd(pairs=pairs)
