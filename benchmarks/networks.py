"""The networks that are compared, by name: this project's and their peers, a row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

import torch
from monai.bundle import ConfigComponent
from torch import nn

from monai_mobileunet.networks import create_network

__all__ = [
    "BASELINE",
    "DEFAULT",
    "IN_CHANNELS",
    "MONAI_UNET",
    "NETWORKS",
    "PEERS",
    "BenchmarkNetwork",
    "Peer",
    "VGG16UNet",
    "available_networks",
]

IN_CHANNELS, CLASSES = 1, 3
DEFAULT = "mobileunet_small"
BASELINE = "mobilenetv2_unet"
MONAI_UNET = "MONAI UNet"


@dataclass(frozen=True)
class Peer:
    """A network of others, for slices.

    Attributes:
        definition: as a config has it, without its channels.
        divisor: what heights and widths must be multiples of.
        smallest: height and width that it takes.
    """

    definition: dict[str, Any]
    divisor: int = 1
    smallest: int = 1

    def build(self) -> nn.Module:
        """The network, with one input channel and three classes."""
        channels = {"in_channels": IN_CHANNELS, "out_channels": CLASSES}
        return cast(nn.Module, ConfigComponent({**self.definition, **channels}).instantiate())


PEERS: dict[str, Peer] = {
    MONAI_UNET: Peer(
        {
            "_target_": "UNet",
            "spatial_dims": 2,
            "channels": [16, 32, 64, 128, 256],
            "strides": [2, 2, 2, 2],
            "num_res_units": 2,
        },
        16,
    ),
    "MONAI BasicUNet": Peer({"_target_": "BasicUNet", "spatial_dims": 2}, 16),
    "MONAI FlexibleUNet-b0": Peer(
        {"_target_": "FlexibleUNet", "spatial_dims": 2, "backbone": "efficientnet-b0", "pretrained": False}, 32
    ),
    "DynUNet, nnU-Net's 2D plan": Peer(  # the plan that nnU-Net makes for slices of 256×256
        {
            "_target_": "DynUNet",
            "spatial_dims": 2,
            "kernel_size": [3] * 7,
            "strides": [1] + [2] * 6,
            "upsample_kernel_size": [2] * 6,
            "filters": [32, 64, 128, 256, 512, 512, 512],
        },
        64,
        128,
    ),
    BASELINE: Peer({"_target_": "monai_mobileunet.networks.create_network", "variant": "mobilenetv2_unet"}),
    "mobilenetv1_unet": Peer({"_target_": "monai_mobileunet.networks.create_network", "variant": "mobilenetv1_unet"}),
}
"""What is trained in the place of a bundle's network, by name."""


@dataclass(frozen=True)
class BenchmarkNetwork:
    """A row of :data:`NETWORKS`.

    Attributes:
        build: makes it, with one input channel and three classes.
        headline: whether it is in the ratios that the project promises; the others are left out where a call
            would take too long.
        package: module that has to be installed for it.
    """

    build: Callable[[], nn.Module]
    headline: bool = False
    package: str = ""


class VGG16UNet(nn.Module):
    """What the light networks replaced: VGG16 (arXiv 1409.1556) with batch norm in a UNet decoder.

    The topology is that of segmentation_models.pytorch's ``Unet("vgg16_bn")``: five stages, two convolutions in
    the centre, and five decoder stages of two convolutions each, the last without a skip.

    Args:
        in_channels: of the image.
        out_channels: classes.
        decoder_channels: after each decoder stage, from coarse to fine.
    """

    STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(
        self, in_channels: int, out_channels: int, decoder_channels: Sequence[int] = (256, 128, 64, 32, 16)
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList()
        for stage in self.STAGES:
            self.encoder.append(_convs(in_channels, *stage))
            in_channels = stage[-1]
        self.centre = _convs(in_channels, in_channels, in_channels)
        self.decoder = nn.ModuleList()
        skips = [stage[-1] for stage in self.STAGES[:0:-1]] + [0]
        for skip, channels in zip(skips, decoder_channels, strict=True):
            self.decoder.append(_convs(in_channels + skip, channels, channels))
            in_channels = channels
        self.head = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores ``(B, out_channels, H, W)`` of images whose sizes are multiples of 32."""
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.centre(x)
        for stage, skip in zip(self.decoder, [*skips[:0:-1], None], strict=True):
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = stage(x if skip is None else torch.cat([x, skip], dim=1))
        return self.head(x)


def _convs(in_channels: int, *channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for out_channels in channels:
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
        in_channels = out_channels
    return nn.Sequential(*layers)


def _smp() -> nn.Module:
    import segmentation_models_pytorch

    return segmentation_models_pytorch.Unet(
        "mobilenet_v2", encoder_weights=None, in_channels=IN_CHANNELS, classes=CLASSES
    )


def _variant(name: str, headline: bool = False, **arguments) -> BenchmarkNetwork:
    return BenchmarkNetwork(partial(create_network, name, 2, IN_CHANNELS, CLASSES, **arguments), headline)


NETWORKS: dict[str, BenchmarkNetwork] = {
    "mobileunet_tiny": _variant("mobileunet_tiny"),
    DEFAULT: _variant(DEFAULT, headline=True),
    "mobileunet_base": _variant("mobileunet_base"),
    "mobileunet_large": _variant("mobileunet_large"),
    "mobileunet_fine": _variant("mobileunet_fine"),
    **{name: BenchmarkNetwork(peer.build, headline=name == MONAI_UNET) for name, peer in PEERS.items()},
    BASELINE: _variant(BASELINE, headline=True, head_kernel_size=3),
    "smp Unet(mobilenet_v2)": BenchmarkNetwork(_smp, package="segmentation_models_pytorch"),
    "VGG16-UNet": BenchmarkNetwork(partial(VGG16UNet, IN_CHANNELS, CLASSES)),
}


def available_networks() -> dict[str, nn.Module]:
    """Those of :data:`NETWORKS` whose packages are installed, in eval mode."""
    torch.manual_seed(0)
    rows = {name: row for name, row in NETWORKS.items() if not row.package or find_spec(row.package)}
    return {name: row.build().eval() for name, row in rows.items()}
