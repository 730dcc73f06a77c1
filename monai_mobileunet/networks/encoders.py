"""From the rows of :mod:`monai_mobileunet.networks.encoder_tables` to an encoder, and its contract with a decoder.

An encoder is a tuple of stages; all features of a stage have one size. The classifier is left out, and,
unless asked for, the last 1×1 convolution to 576, 960 or 1280 channels too: in a UNet it costs as much as
the whole rest of the encoder and helps nothing (half of the parameters of segmentation_models.pytorch's
MobileNetV2-UNet are the decoder's first convolution over those 1280 channels).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from os import PathLike
from typing import NamedTuple

import torch
from monai.utils import look_up_option
from torch import nn

from monai_mobileunet.networks.blocks import (
    FusedInvertedBottleneck,
    NameOrArgs,
    UniversalInvertedBottleneck,
    conv_norm_act,
    initialise,
    make_divisible,
)
from monai_mobileunet.networks.encoder_tables import ENCODERS, BlockSpec, EncoderSpec
from monai_mobileunet.networks.literature import InvertedResidual, separable_conv, tap_expansions
from monai_mobileunet.networks.pretrained import load_pretrained

__all__ = ["TAPS", "FeatureInfo", "MobileNetEncoder"]

TAPS = ("stage", "expansion")


class FeatureInfo(NamedTuple):
    """What a decoder has to know of one feature map: its channels, and how much smaller it is than the input."""

    channels: int
    reduction: int


BLOCKS: dict[str, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
    "conv": (conv_norm_act, ("kernel_size",)),
    "separable": (separable_conv, ("kernel_size",)),
    "inverted_residual": (InvertedResidual, ("kernel_size", "hidden_channels", "squeeze_excite")),
    "fused": (FusedInvertedBottleneck, ("kernel_size", "hidden_channels")),
    "universal": (UniversalInvertedBottleneck, ("kernel_size", "hidden_channels", "start_kernel_size")),
}
"""Kind of a row → what builds its blocks, and the row's attributes that it takes."""


class MobileNetEncoder(nn.Module):
    """A MobileNet without its classifier that returns the features of every stage.

    Args:
        name: a key of :data:`monai_mobileunet.networks.encoder_tables.ENCODERS`.
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        width: multiplier on all channel counts, rounded to multiples of 8.
        depth: how many stages to keep, from 1 to all (5).
        stem_stride: stride of the first convolution. 1 keeps the image's own resolution in the first
            stage and halves every reduction: for slices up to about 96 pixels.
        act: activation; ``None`` takes those of the encoder's paper.
        norm: normalisation; ``"batch"`` has the epsilon of the published weights.
        last_conv: keep the 1×1 convolution that the published network has after its last stage; its
            output is then the coarsest feature. Needs all stages.
        taps: ``"stage"`` returns what each stage ends with; ``"expansion"`` what the first 1×1 convolution
            of the next stage expands it to, activated, as Keras' UNets over MobileNetV2 do.
        pretrained: ``True`` for the published ImageNet weights, or the path of their file; see
            :func:`monai_mobileunet.networks.pretrained.load_pretrained`.

    Attributes:
        feature_info: one :class:`FeatureInfo` per stage, from fine to coarse.
        last_conv: as given.

    Raises:
        ValueError: an unknown name, a depth that the encoder lacks, a stem stride other than 1 or 2, taps
            or a last convolution that it does not have, weights that do not fit.
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
        last_conv: bool = False,
        taps: str = "stage",
        pretrained: bool | str | PathLike = False,
    ) -> None:
        super().__init__()
        name = look_up_option(name, set(ENCODERS))
        taps = look_up_option(taps, set(TAPS))
        spec = ENCODERS[name]
        if not 1 <= depth <= len(spec.stages):
            raise ValueError(f"depth is {depth}; encoder {name!r} has 1 to {len(spec.stages)} stages.")
        if stem_stride not in (1, 2):
            raise ValueError(f"stem_stride is {stem_stride}; it must be 1 (full resolution) or 2 (as published).")
        if width <= 0:
            raise ValueError(f"width is {width}; the multiplier on the channels must be above 0.")
        if last_conv and (spec.last is None or depth < len(spec.stages)):
            raise ValueError(f"last_conv is on; encoder {name!r} with depth {depth} has no last 1×1 convolution.")
        if isinstance(norm, str) and norm.lower() == "batch":
            norm = ("batch", spec.norm)

        self.last_conv = last_conv
        channels, reduction = in_channels, 1
        self.stages = nn.ModuleList()
        feature_info = []
        for stage in _stages(spec, depth, stem_stride, last_conv):
            blocks = []
            for row in stage:
                scale = max(width, 1.0) if row is spec.last and not spec.last_shrinks else width
                out_channels = make_divisible(row.out_channels * scale)
                hidden = make_divisible(row.hidden_channels * width or channels * row.expansion)
                build, names = BLOCKS[row.kind]
                arguments = {name: getattr(replace(row, hidden_channels=hidden), name) for name in names}
                arguments |= {"stride": row.stride, "act": act or row.act or spec.act, "norm": norm}
                blocks.append(build(spatial_dims, channels, out_channels, **arguments))
                channels, reduction = out_channels, reduction * row.stride
            self.stages.append(nn.Sequential(*blocks))
            feature_info.append(FeatureInfo(channels, reduction))
        self.apply(initialise)
        if pretrained:
            load_pretrained(self, name, None if pretrained is True else pretrained)
        if taps == "expansion":
            tapped = tap_expansions(name, self.stages)
            feature_info[:-1] = [
                FeatureInfo(tap, info.reduction) for tap, info in zip(tapped, feature_info, strict=False)
            ]
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


def _stages(spec: EncoderSpec, depth: int, stem_stride: int, last_conv: bool) -> Iterator[list[BlockSpec]]:
    """The rows of each stage that is kept, one row per block."""
    for index, stage in enumerate(spec.stages[:depth]):
        rows = [row if repeat == 0 else replace(row, stride=1) for row in stage for repeat in range(row.repeats)]
        if index == 0:
            rows[0] = replace(rows[0], stride=stem_stride)
        if last_conv and index == depth - 1 and spec.last is not None:
            rows.append(spec.last)
        yield rows
