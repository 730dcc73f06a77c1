from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from monai_mobileunet import MobileUNet
from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.networks.variants import smp_key_map

from .contract import NetworkContract
from .published import count, smp_mobilenet_v2_unet, state_dict


class TestMobileUNetTiny(NetworkContract):
    arguments: ClassVar = VARIANTS["mobileunet_tiny"].arguments


class TestMobileUNetSmall(NetworkContract):
    arguments: ClassVar = VARIANTS["mobileunet_small"].arguments


class TestMobileUNetBase(NetworkContract):
    arguments: ClassVar = VARIANTS["mobileunet_base"].arguments


class TestMobileUNetLarge(NetworkContract):
    arguments: ClassVar = VARIANTS["mobileunet_large"].arguments


class TestMobileUNetFine(NetworkContract):
    arguments: ClassVar = VARIANTS["mobileunet_fine"].arguments


class TestMobileUNetFineLarge(NetworkContract):
    arguments: ClassVar = VARIANTS["mobileunet_fine_large"].arguments


class TestMobileNetV1UNet(NetworkContract):
    arguments: ClassVar = VARIANTS["mobilenetv1_unet"].arguments


class TestMobileNetV2UNet(NetworkContract):
    arguments: ClassVar = VARIANTS["mobilenetv2_unet"].arguments


class TestMobileNetV2UNetTransposed(NetworkContract):
    arguments: ClassVar = VARIANTS["mobilenetv2_unet_transposed"].arguments


@pytest.mark.parametrize("name", ["mobileunet_tiny", "mobileunet_small", "mobileunet_base", "mobileunet_large"])
@torch.no_grad()
def test_own_variants_segment_volumes(name):
    network = create_network(name, spatial_dims=3, out_channels=3).eval()
    assert network(torch.rand(1, 1, 33, 32, 40)).shape == (1, 3, 33, 32, 40)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "in_channels", "out_channels", "arguments", "published"),
    [
        # segmentation_models.pytorch 0.6: Unet("mobilenet_v2", in_channels=…, classes=…)
        ("mobilenetv2_unet", 3, 1, {"head_kernel_size": 3}, 6_628_945),
        ("mobilenetv2_unet", 1, 1, {"head_kernel_size": 3}, 6_628_369),
        # the network of the literature without the classifier that it carries and never calls
        ("mobilenetv1_unet", 3, 1, {}, 14_087_681),
        ("mobilenetv1_unet", 1, 3, {}, 14_087_235),
    ],
)
def test_parameters_are_the_published_ones(name, in_channels, out_channels, arguments, published):
    assert parameters(create_network(name, 2, in_channels, out_channels, **arguments)) == published


def test_encoder_of_the_v2_unet_has_the_published_parameters():
    assert parameters(create_network("mobilenetv2_unet", 2, 3, 1).encoder) == 2_223_872


@torch.no_grad()
def stage_sizes(name: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Channels and reduction of the encoder's features and of the decoder's outputs."""
    network = create_network(name).eval()
    features = network.encoder(torch.rand(1, 1, 64, 64))
    outputs = network.decoder(list(features))
    return tuple([(f.shape[1], 64 // f.shape[2]) for f in maps] for maps in (features, outputs))


def test_v1_unet_has_skips_at_8_and_4_only():
    features, outputs = stage_sizes("mobilenetv1_unet")
    assert features == [(64, 1), (128, 2), (256, 4), (512, 8), (1024, 16)]
    assert outputs == [(1024, 16), (512 + 512, 8), (256 + 256, 4), (128, 2), (64, 1)]
    network = create_network("mobilenetv1_unet")
    assert network.head.kernel_size == (1, 1)
    assert {type(m) for m in network.encoder.modules() if isinstance(m, nn.ReLU6 | nn.ReLU)} == {nn.ReLU6}


def test_v2_unet_does_not_connect_the_image():
    features, outputs = stage_sizes("mobilenetv2_unet")
    assert features == [(16, 2), (24, 4), (32, 8), (96, 16), (1280, 32)]
    assert outputs == [(1280, 32), (256, 16), (128, 8), (64, 4), (32, 2), (16, 1)]
    assert create_network("mobilenetv2_unet").decoder.stages[-1].block[0].conv.in_channels == 32


def test_transposed_v2_unet_taps_the_expansions():
    features, outputs = stage_sizes("mobilenetv2_unet_transposed")
    assert features == [(96, 2), (144, 4), (192, 8), (576, 16), (320, 32)]
    assert outputs == [(320, 32), (576 + 576, 16), (192 + 192, 8), (96 + 144, 4), (64 + 96, 2)]
    network = create_network("mobilenetv2_unet_transposed", out_channels=3)
    transposed = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in transposed] == [576, 192, 96, 64, 3]
    assert {(m.kernel_size, m.stride) for m in transposed} == {((3, 3), (2, 2))}


@torch.no_grad()
def test_tapped_expansions_are_activated():
    features = create_network("mobilenetv2_unet_transposed").eval().encoder(10 * torch.randn(1, 1, 64, 64))
    for feature in features[:-1]:
        assert 0 <= feature.min() < feature.max() <= 6
    assert features[-1].min() < 0


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


def test_arguments_go_before_those_of_the_variant():
    network = create_network("mobilenetv2_unet", in_channels=5, out_channels=4, dropout=0.25, head_kernel_size=3)
    assert isinstance(network, MobileUNet)
    assert network.in_channels == 5
    assert network.dropout.p == 0.25
    assert (network.head.kernel_size, network.head.out_channels) == ((3, 3), 4)


def test_unknown_variant_is_refused_with_the_ones_that_exist():
    with pytest.raises(ValueError, match="mobileunet_huge") as error:
        create_network("mobileunet_huge")
    assert all(name in str(error.value) for name in VARIANTS)
