import copy

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import FlexibleUNet
from monai.networks.nets.flexible_unet import FLEXUNET_BACKBONE

import monai_mobileunet
from monai_mobileunet.networks import ENCODERS, MobileNetEncoder


@pytest.mark.parametrize("backbone", sorted(ENCODERS))
@torch.no_grad()
def test_every_encoder_is_a_backbone(backbone):
    network = FlexibleUNet(in_channels=2, out_channels=3, backbone=backbone).eval()
    assert isinstance(network.encoder, MobileNetEncoder)
    assert network(torch.rand(1, 2, 64, 96)).shape == (1, 3, 64, 96)


def test_several_instances_with_other_channels_in_one_process():
    before = copy.deepcopy(FLEXUNET_BACKBONE.register_dict["mobilenetv3_small"]["parameter"])
    networks = [FlexibleUNet(n, 2, "mobilenetv2") for n in (4, 1, 4)]
    assert [n.encoder.stages[0][0].conv.in_channels for n in networks] == [4, 1, 4]
    assert FLEXUNET_BACKBONE.register_dict["mobilenetv3_small"]["parameter"] == before


def test_in_three_dimensions():
    network = FlexibleUNet(1, 2, "mobilenetv4_conv_small", spatial_dims=3).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 1, 32, 32, 64)).shape == (1, 2, 32, 32, 64)


def test_from_a_bundle_config():
    config = {
        "imports": ["$import monai_mobileunet"],
        "network": {"_target_": "FlexibleUNet", "in_channels": 1, "out_channels": 2, "backbone": "mobilenetv3_large"},
    }
    parser = ConfigParser(config, globals={"monai_mobileunet": monai_mobileunet})
    assert isinstance(parser.get_parsed_content("network").encoder, MobileNetEncoder)


def test_tells_the_channels_that_the_encoder_has():
    for name in ENCODERS:
        told = FLEXUNET_BACKBONE.register_dict[name]["feature_channel"]
        assert told == tuple(info.channels for info in MobileNetEncoder(name).feature_info)
