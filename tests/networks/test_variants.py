from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import monai_mobileunet
from monai_mobileunet import MobileUNet
from monai_mobileunet.networks import VARIANTS, create_network

from .contract import NetworkContract

for _name, _row in VARIANTS.items():
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (NetworkContract,), {"arguments": _row.arguments})


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


def test_the_tables_come_without_torch():
    """The command line lists them before anything heavy is imported."""
    package = Path(monai_mobileunet.__file__).parent
    code = f"""
import sys, types
face = sys.modules["monai_mobileunet"] = types.ModuleType("monai_mobileunet")
face.__path__ = [{str(package)!r}]
from monai_mobileunet.networks import ENCODERS, VARIANTS
assert all(row.arguments["encoder"] in ENCODERS for row in VARIANTS.values())
assert not {{"torch", "monai"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'MobileUNets'"):
        monai_mobileunet.networks.MobileUNets  # noqa: B018
