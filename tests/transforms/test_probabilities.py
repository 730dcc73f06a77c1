from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from monai_mobileunet.transforms import KeepLargestComponentsd, Probabilitiesd, SplitByPlaned

SCORES = torch.linspace(-3, 3, 3 * 4 * 5 * 6).reshape(3, 4, 5, 6)


def test_scores_become_probabilities_and_class_numbers_stay():
    found = Probabilitiesd("pred")({"pred": MetaTensor(SCORES), "image": "a.nii.gz"})
    assert torch.equal(found["pred"].as_tensor(), SCORES.softmax(0))
    assert found["image"] == "a.nii.gz"
    labels = torch.ones(1, 4, 5, 6, dtype=torch.uint8)
    assert Probabilitiesd("pred")({"pred": labels})["pred"] is labels


@pytest.mark.parametrize(
    "transform",
    [SplitByPlaned("pred", 1, 2, 1), KeepLargestComponentsd("pred", [1, 2])],
    ids=lambda one: type(one).__name__,
)
def test_what_is_for_class_numbers_leaves_scores_alone(transform):
    assert torch.equal(transform({"pred": SCORES.clone()})["pred"], SCORES)
