import pytest
import torch
from torch import nn

from monai_mobileunet.inferers import MirroredInferer
from monai_mobileunet.networks import create_network


class Places(nn.Module):
    """A convolution that sees left from right, and counts its calls."""

    def __init__(self, dimensions: int):
        super().__init__()
        self.conv = (nn.Conv2d if dimensions == 2 else nn.Conv3d)(1, 3, 3, padding=1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.conv(x)


@pytest.fixture(autouse=True)
def _seed(no_grad):
    torch.manual_seed(0)


@pytest.mark.parametrize(("axes", "passes"), [((), 1), (0, 2), ((1,), 2), ((0, 2), 4), ((0, 1, 2), 8)])
def test_the_scores_are_the_mean_of_every_combination_of_axes(axes, passes):
    network, volume = Places(3), torch.rand(2, 1, 5, 6, 7)
    scores = MirroredInferer(mirror_axes=axes)(volume, network)
    assert network.calls == passes
    flips = [[]]
    for axis in (axes,) if isinstance(axes, int) else axes:
        flips += [[*dims, axis + 2] for dims in flips]
    expected = sum(network(volume.flip(dims)).flip(dims) for dims in flips) / passes
    torch.testing.assert_close(scores, expected)


def test_a_mirrored_volume_has_the_mirrored_scores():
    network, volume = Places(3), torch.rand(1, 1, 5, 6, 7)
    infer = MirroredInferer(mirror_axes=[0])
    torch.testing.assert_close(infer(volume.flip(2), network), infer(volume, network).flip(2))
    assert not torch.allclose(network(volume.flip(2)), network(volume).flip(2)), "the network alone tells the sides"


def test_class_numbers_are_those_of_the_highest_scores():
    network, image = Places(2), torch.rand(2, 1, 9, 8)
    scores = MirroredInferer(mirror_axes=[1])(image, network)
    numbers = MirroredInferer(mirror_axes=[1], argmax=True)(image, network)
    assert numbers.dtype == torch.uint8
    assert torch.equal(numbers, scores.argmax(1, keepdim=True))


def test_a_network_for_volumes_sees_them_whole():
    network = create_network("mobileunet_fine", spatial_dims=3, out_channels=3).eval()
    volume = torch.rand(1, 1, 21, 30, 17)
    assert MirroredInferer(mirror_axes=[0], argmax=True)(volume, network).shape == volume.shape
