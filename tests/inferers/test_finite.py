"""NaN and infinite values in front of a network and behind it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_mobileunet.inferers import AutocastInferer, ContextSliceInferer
from monai_mobileunet.inferers.finite import check_finite

pytestmark = pytest.mark.usefixtures("no_grad")


@pytest.mark.parametrize("argmax", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("shape", [(1, 2, 6, 7, 8), (2, 2, 6, 7)])
def test_an_image_that_is_not_finite_is_refused_with_the_count_and_the_remedy(shape, value, argmax):
    image = torch.rand(shape)
    image[0, 1, 2, 3:5] = value
    count = int((~image.isfinite()).sum())
    with pytest.raises(ValueError, match=rf"^{count} of {image.numel()} values .* not finite .* Replace them"):
        ContextSliceInferer(2, argmax=argmax)(image, nn.Identity())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int16, torch.uint8, torch.bool])
def test_finite_values_of_any_type_pass(dtype):
    check_finite(torch.ones(2, 3).to(dtype))
    if dtype.is_floating_point:
        check_finite(torch.tensor([torch.finfo(dtype).max, torch.finfo(dtype).min], dtype=dtype))
        with pytest.raises(ValueError, match="1 of 2 values"):
            check_finite(torch.tensor([1.0, float("nan")], dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("argmax", [False, True])
@pytest.mark.parametrize("planes", [0, (0, 1)])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_a_failure_and_no_empty_mask(value, planes, argmax, dtype):
    def network(x: torch.Tensor) -> torch.Tensor:
        scores = torch.cat([x, -x, x], dim=1).to(dtype)
        scores[0, 2, 1, 1] = value  # of the last class
        return scores

    with pytest.raises(ValueError, match=r"scores are not finite .* choose the runtime 'torch'"):
        ContextSliceInferer(planes, sw_batch_size=99, argmax=argmax)(torch.rand(1, 1, 6, 7, 8), network)


def test_a_class_that_is_ruled_out_is_no_failure():
    def network(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, torch.full_like(x, -float("inf"))], dim=1)

    labels = ContextSliceInferer(argmax=True)(torch.rand(1, 1, 6, 7, 8), network)
    assert not labels.any()


def test_an_overflow_of_half_precision_is_a_failure():
    network = nn.Conv2d(1, 2, 1, bias=False)
    nn.init.constant_(network.weight, 1e4)
    image = torch.full((1, 1, 4, 4, 4), 100.0)
    with pytest.raises(ValueError, match="reduced precision overflows"):
        AutocastInferer(ContextSliceInferer(argmax=True), dtype=torch.float16)(image, network)
    assert AutocastInferer(ContextSliceInferer(), dtype=torch.bfloat16)(image, network).max() > 9e5
