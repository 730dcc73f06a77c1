"""MobileNet encoders as rows of data, and the contract between an encoder and a decoder.

An encoder is a tuple of stages; all features of a stage have one size, and each stage after the first
begins with the block that halves it. Classifier layers (the last 1×1 convolution to 960 or 1280
channels, pooling, fully connected) are left out: in a UNet they cost as much as the whole rest of the
encoder and help nothing (half of the parameters of segmentation_models.pytorch's MobileNetV2-UNet
are the decoder's first convolution over those 1280 channels).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from monai.utils import look_up_option
from torch import nn

from monai_mobileunet.networks.blocks import (
    InvertedResidual,
    NameOrArgs,
    UniversalInvertedBottleneck,
    conv_norm_act,
    make_divisible,
)

__all__ = ["ENCODERS", "BlockSpec", "EncoderSpec", "FeatureInfo", "MobileNetEncoder"]


class FeatureInfo(NamedTuple):
    """What a decoder has to know of one feature map: its channels, and how much smaller it is than the input."""

    channels: int
    reduction: int


@dataclass(frozen=True)
class BlockSpec:
    """One row of an encoder's table: ``repeats`` blocks, of which the first has the stride.

    Attributes:
        kind: key of the block's builder: ``conv``, ``inverted_residual`` or ``universal``.
        out_channels: channels of the output before the width multiplier.
        kernel_size: the kernel (``conv``) or the depthwise kernel; 0 for none where the block allows it.
        stride: 1 or 2.
        expansion: factor on the input's channels inside the block; without meaning for ``conv``.
        repeats: how many such blocks follow each other.
        start_kernel_size: depthwise kernel before the expansion; only ``universal`` has one.
    """

    kind: str
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    expansion: float = 1
    repeats: int = 1
    start_kernel_size: int = 0


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder: its stages from fine to coarse, the activation of its paper, and where both are from."""

    stages: tuple[tuple[BlockSpec, ...], ...]
    act: str
    source: str


def _conv(spec: BlockSpec, **arguments) -> nn.Module:
    return conv_norm_act(kernel_size=spec.kernel_size, **arguments)


def _inverted_residual(spec: BlockSpec, **arguments) -> nn.Module:
    return InvertedResidual(kernel_size=spec.kernel_size, expansion=spec.expansion, **arguments)


def _universal(spec: BlockSpec, **arguments) -> nn.Module:
    return UniversalInvertedBottleneck(
        kernel_size=spec.kernel_size,
        expansion=spec.expansion,
        start_kernel_size=spec.start_kernel_size,
        **arguments,
    )


BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "conv": _conv,
    "inverted_residual": _inverted_residual,
    "universal": _universal,
}

ENCODERS: dict[str, EncoderSpec] = {
    "mobilenetv2": EncoderSpec(
        stages=(
            (BlockSpec("conv", 32, stride=2), BlockSpec("inverted_residual", 16)),
            (BlockSpec("inverted_residual", 24, stride=2, expansion=6, repeats=2),),
            (BlockSpec("inverted_residual", 32, stride=2, expansion=6, repeats=3),),
            (
                BlockSpec("inverted_residual", 64, stride=2, expansion=6, repeats=4),
                BlockSpec("inverted_residual", 96, expansion=6, repeats=3),
            ),
            (
                BlockSpec("inverted_residual", 160, stride=2, expansion=6, repeats=3),
                BlockSpec("inverted_residual", 320, expansion=6),
            ),
        ),
        act="relu6",
        source="arXiv 1801.04381, table 2",
    ),
    "mobilenetv4_conv_small": EncoderSpec(
        stages=(
            (BlockSpec("conv", 32, stride=2),),
            (BlockSpec("conv", 32, stride=2), BlockSpec("conv", 32, kernel_size=1)),
            (BlockSpec("conv", 96, stride=2), BlockSpec("conv", 64, kernel_size=1)),
            (
                BlockSpec("universal", 96, kernel_size=5, stride=2, expansion=3, start_kernel_size=5),
                BlockSpec("universal", 96, expansion=2, repeats=4),
                BlockSpec("universal", 96, kernel_size=0, expansion=4, start_kernel_size=3),
            ),
            (
                BlockSpec("universal", 128, stride=2, expansion=6, start_kernel_size=3),
                BlockSpec("universal", 128, kernel_size=5, expansion=4, start_kernel_size=5),
                BlockSpec("universal", 128, kernel_size=5, expansion=4),
                BlockSpec("universal", 128, kernel_size=5, expansion=3),
                BlockSpec("universal", 128, expansion=4, repeats=2),
            ),
        ),
        act="relu",
        source="arXiv 2404.10518, appendix, table of MNv4-Conv-S",
    ),
}


class MobileNetEncoder(nn.Module):
    """A MobileNet without its classifier that returns the features of every stage.

    Args:
        name: a key of :data:`ENCODERS`.
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        width: multiplier on all channel counts, rounded to multiples of 8.
        depth: how many stages to keep, from 1 to all (5).
        stem_stride: stride of the first convolution. 1 keeps the image's own resolution in the first
            stage and halves every reduction: for slices up to about 96 pixels.
        act: activation; ``None`` takes that of the encoder's paper.
        norm: normalisation.

    Attributes:
        feature_info: one :class:`FeatureInfo` per stage, from fine to coarse.

    Raises:
        ValueError: an unknown name, a depth that the encoder lacks, a stem stride other than 1 or 2.
    """

    def __init__(
        self,
        name: str,
        spatial_dims: int = 2,
        in_channels: int = 1,
        width: float = 1.0,
        depth: int = 5,
        stem_stride: int = 2,
        act: NameOrArgs = None,
        norm: NameOrArgs = "batch",
    ) -> None:
        super().__init__()
        name = look_up_option(name, set(ENCODERS))
        spec = ENCODERS[name]
        if not 1 <= depth <= len(spec.stages):
            raise ValueError(f"depth is {depth}; encoder {name!r} has 1 to {len(spec.stages)} stages.")
        if stem_stride not in (1, 2):
            raise ValueError(f"stem_stride is {stem_stride}; it must be 1 (full resolution) or 2 (as published).")
        if width <= 0:
            raise ValueError(f"width is {width}; the multiplier on the channels must be above 0.")

        (stem, *rest), *deeper = spec.stages[:depth]
        stages = ((replace(stem, stride=stem_stride), *rest), *deeper)
        channels, reduction = in_channels, 1
        self.stages = nn.ModuleList()
        feature_info = []
        for stage in stages:
            blocks = []
            for row in stage:
                for repeat in range(row.repeats):
                    stride = row.stride if repeat == 0 else 1
                    out_channels = make_divisible(row.out_channels * width)
                    block = BLOCKS[row.kind](
                        row,
                        spatial_dims=spatial_dims,
                        in_channels=channels,
                        out_channels=out_channels,
                        stride=stride,
                        act=act or spec.act,
                        norm=norm,
                    )
                    blocks.append(block)
                    channels, reduction = out_channels, reduction * stride
            self.stages.append(nn.Sequential(*blocks))
            feature_info.append(FeatureInfo(channels, reduction))
        self.feature_info = tuple(feature_info)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features of an image.

        Args:
            x: ``(B, in_channels, H, W)`` or ``(B, in_channels, H, W, D)``, sizes multiples of the
                coarsest reduction (otherwise the features' sizes are rounded up).

        Returns:
            One tensor per stage, from fine to coarse, as :attr:`feature_info` tells.
        """
        features: list[torch.Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
