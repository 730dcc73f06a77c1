"""The peers are what their names say."""

import pytest
import torch

from benchmarks.networks import NETWORKS
from monai_mobileunet.networks.info import count_macs

PUBLISHED = {  # GMAC for one channel of 256×256 and three classes, millions of parameters
    "MONAI UNet": (0.769, 1.63),
    "MONAI FlexibleUNet-b0": (2.373, 7.06),
    "mobilenetv2_unet": (3.354, 6.63),
    "MONAI BasicUNet": (4.949, 1.98),
    "DynUNet, nnU-Net's 2D plan": (14.76, 33.5),
    "VGG16-UNet": (24.68, 23.8),
    "mobilenetv1_unet": (41.60, 14.09),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_cost_what_is_known_of_them(name):
    with torch.device("meta"):
        network = NETWORKS[name].build()
    gmac, millions = PUBLISHED[name]
    assert count_macs(network, (1, 1, 256, 256)).total / 1e9 == pytest.approx(gmac, rel=2e-3)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, rel=5e-3)


@pytest.mark.parametrize("name", [name for name, row in NETWORKS.items() if not row.package])
@torch.no_grad()
def test_segment_a_slice(name):
    network = NETWORKS[name].build().eval()
    assert network(torch.rand(1, 1, 128, 128)).shape == (1, 3, 128, 128)
