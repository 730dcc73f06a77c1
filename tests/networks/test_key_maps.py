from __future__ import annotations

import pytest
import torch

from monai_mobileunet.networks import MobileNetEncoder, create_network
from monai_mobileunet.networks.key_maps import key_map, smp_key_map
from monai_mobileunet.networks.pretrained import SOURCES

from .published import PUBLISHED, count, smp_mobilenet_v2_unet, state_dict


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_key_of_a_published_file_is_used_once_and_fits(name):
    published = dict(PUBLISHED[name]())
    encoder = MobileNetEncoder(name, in_channels=3, last_conv=name != "mobilenetv1")
    keys = key_map(encoder, SOURCES[name].layout)
    assert sorted(keys.values()) == sorted(published)
    for ours, tensor in encoder.state_dict().items():
        assert tuple(tensor.shape) == published[keys[ours]], ours
    assert sum(p.numel() for p in encoder.parameters()) == count(PUBLISHED[name]())


@pytest.mark.parametrize("in_channels", [1, 3])
def test_state_dict_of_segmentation_models_pytorch_loads_strictly(in_channels):
    network = create_network("mobilenetv2_unet", 2, in_channels, 4, head_kernel_size=3)
    published = state_dict(smp_mobilenet_v2_unet(4))
    if in_channels == 1:
        published["encoder.features.0.0.weight"] = published["encoder.features.0.0.weight"].sum(1, keepdim=True)
    keys = smp_key_map(network)
    assert sorted(keys.values()) == sorted(published)
    network.load_state_dict({ours: published[theirs] for ours, theirs in keys.items()}, strict=True)
    assert torch.equal(network.decoder.stages[0].block[0].conv.weight, published["decoder.blocks.0.conv1.0.weight"])
    assert count(smp_mobilenet_v2_unet(1)) == 6_628_945


@pytest.mark.parametrize("other", ["mobilenetv1_unet", "mobilenetv2_unet_transposed", "mobileunet_small"])
def test_key_map_refuses_other_networks(other):
    with pytest.raises(ValueError, match=r"takes create_network\('mobilenetv2_unet', …\); this network has another"):
        smp_key_map(create_network(other))


@torch.no_grad()
def test_agrees_with_segmentation_models_pytorch():
    smp = pytest.importorskip("segmentation_models_pytorch", reason="segmentation_models.pytorch is not installed")
    theirs = smp.Unet("mobilenet_v2", encoder_weights=None, in_channels=1, classes=3).eval()
    ours = create_network("mobilenetv2_unet", 2, 1, 3, head_kernel_size=3).eval()
    published = theirs.state_dict()
    ours.load_state_dict({key: published[name] for key, name in smp_key_map(ours).items()}, strict=True)
    image = torch.rand(2, 1, 64, 96)
    torch.testing.assert_close(ours(image), theirs(image), atol=1e-5, rtol=0)
