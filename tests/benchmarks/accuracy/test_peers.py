import pytest
import torch
from monai.bundle import ConfigParser

from benchmarks.accuracy.peers import (
    OURS,
    PUBLISHED,
    SliceNetwork,
    dynunet_macs,
    network_override,
)
from benchmarks.networks import PEERS


@pytest.mark.parametrize("out_slices", [1, 3])
@pytest.mark.parametrize("peer", PEERS)
@torch.no_grad()
def test_a_peer_takes_slices_of_any_size_in_the_bundle_s_place(peer, out_slices):
    parser = ConfigParser(
        {"image_channels": 2, "context": 1, "num_classes": 4, "out_slices": out_slices, **network_override(peer)}
    )
    network = parser.get_parsed_content("network_def").eval()
    scores = network(torch.randn(2, 6, 40, 35))
    assert scores.shape == (2, 4, *([3] if out_slices == 3 else []), 40, 35)


def test_the_bundle_s_own_network_is_not_changed():
    assert network_override(OURS) == {}


@torch.no_grad()
def test_padding_repeats_the_border_and_is_cropped():
    seen = []

    class Record(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return x

    image = torch.randn(1, 1, 5, 8)
    assert torch.equal(SliceNetwork(Record(), 4)(image), image)
    assert seen[0].shape == (1, 1, 8, 8)
    assert torch.equal(seen[0][:, :, 5:], image[:, :, 4:].expand(-1, -1, 3, -1))


def test_macs_of_the_published_network_grow_with_windows_and_passes():
    published = PUBLISHED["hippocampus_mri_segmentation"]
    shapes = [(35, 50, 36), (40, 56, 40), (41, 56, 40), (43, 59, 47)]
    macs = dynunet_macs(published, shapes, 3)
    assert macs[0] == macs[1]
    assert macs[2:] == [2 * macs[0], 8 * macs[0]]
    assert macs[0] / published.passes == pytest.approx(19.14e9, rel=0.01)
