import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.inferers.labels import labels_of_scores

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@given(st.integers(1, 9), st.sampled_from(FLOATS), st.integers(0, 99))
def test_is_argmax(classes, dtype, seed):
    torch.manual_seed(seed)
    scores = torch.randn(2, classes, 5, 4).to(dtype)
    scores = scores.permute(0, 1, 3, 2) if seed % 2 else scores
    labels = labels_of_scores(scores)
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), scores.float().argmax(1, keepdim=True))


def test_of_equal_scores_the_lowest():
    scores = torch.tensor([[1.0, 1, 0], [2, 2, 2]]).view(2, 3, 1, 1)
    assert labels_of_scores(scores).flatten().tolist() == [0, 0]


def test_whole_range_of_a_byte():
    scores = torch.eye(256).view(256, 256, 1, 1)
    assert labels_of_scores(scores).flatten().tolist() == list(range(256))
    with pytest.raises(ValueError, match="257 classes"):
        labels_of_scores(torch.zeros(1, 257, 1, 1))


def test_scores_with_gradients_and_their_memory_are_left_alone():
    scores = torch.randn(1, 3, 4, 4, requires_grad=True)
    before = scores.detach().clone()
    labels_of_scores(scores)
    assert torch.equal(scores, before)
