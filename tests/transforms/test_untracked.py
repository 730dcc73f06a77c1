from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor, get_track_meta
from monai.transforms import Compose, Lambdad, RandAffined, RandGaussianNoised, RandZoomd

from monai_mobileunet.transforms import RandSliceSamplesd, UntrackedCompose


def case() -> dict[str, MetaTensor]:
    volume = torch.rand(2, 30, 26, 7, generator=torch.Generator().manual_seed(0))
    affine = torch.diag(torch.tensor([1.5, 1.5, 8.0, 1.0]))
    return {"image": MetaTensor(volume, affine=affine), "label": MetaTensor((volume > 0.7).float(), affine=affine)}


def steps() -> list:
    both = ["image", "label"]
    return [
        RandSliceSamplesd(both, 24, 5, 2, context=[1, 0], class_key="label", class_share=0.6, class_in_window=True),
        RandZoomd(both, prob=0.5, min_zoom=0.7, max_zoom=1.4, mode=["bilinear"] * 2, padding_mode="edge"),
        RandAffined(both, prob=0.7, rotate_range=0.6, spatial_size=(16, 16), mode=["bilinear"] * 2),
        RandGaussianNoised("image", prob=0.5, std=0.2),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_windows_are_those_of_compose_as_plain_tensors(seed):
    untracked, tracked = (kind(steps()).set_random_state(seed)(case()) for kind in (UntrackedCompose, Compose))
    for plain, known in zip(untracked, tracked, strict=True):
        for key in ("image", "label"):
            assert type(plain[key]) is torch.Tensor
            assert torch.equal(plain[key], torch.as_tensor(known[key]))


def test_metadata_are_tracked_again_afterwards_even_if_a_transform_fails():
    UntrackedCompose(steps())(case())
    assert get_track_meta()
    seen: list[bool] = []

    def fail(image: torch.Tensor) -> torch.Tensor:
        seen.append(isinstance(image, MetaTensor))
        raise ValueError("a transform failed")

    with pytest.raises(Exception, match="applying transform"):
        UntrackedCompose([RandAffined("image", prob=1.0), Lambdad("image", fail)])(case())
    assert get_track_meta()
    assert seen == [False], "inside they were not"
