"""What only networks of the literature need: MobileNetV1 to V3, and the decoders of the UNets published over them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_mobileunet.networks.blocks import Bottleneck, NameOrArgs, conv_chain, conv_norm_act, make_divisible

__all__ = [
    "DECODER_BLOCKS",
    "ConcatMerge",
    "InvertedResidual",
    "LateConcatStage",
    "SqueezeExcite",
    "separable_conv",
    "tap_expansions",
]


class SqueezeExcite(nn.Module):
    """Weigh every channel by what the mean of all channels tells.

    Source: arXiv 1709.01507; with the hard sigmoid and the rounding of arXiv 1905.02244, section 5.3.

    Args:
        spatial_dims: 2 or 3.
        channels: of input and output; a quarter of them, rounded by :func:`make_divisible`, lies between.
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        conv = Conv[Conv.CONV, spatial_dims]
        squeezed = make_divisible(channels // 4)
        self.layers = nn.Sequential(
            Pool[Pool.ADAPTIVEAVG, spatial_dims](1),
            conv(channels, squeezed, 1),
            nn.ReLU(),
            conv(squeezed, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale ``(B, channels, ...)`` by factors in [0, 1]."""
        return x * self.layers(x)


def separable_conv(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    act: NameOrArgs = "relu",
    norm: NameOrArgs = "batch",
) -> nn.Sequential:
    """Depthwise convolution, then a 1×1 convolution, each with norm and act (arXiv 1704.04861, figure 3)."""
    return nn.Sequential(
        conv_norm_act(
            spatial_dims, in_channels, in_channels, kernel_size, stride, groups=in_channels, act=act, norm=norm
        ),
        conv_norm_act(spatial_dims, in_channels, out_channels, 1, act=act, norm=norm),
    )


class InvertedResidual(Bottleneck):
    """MobileNetV2's block: expand with 1×1, filter depthwise, project linearly (arXiv 1801.04381, section 3.3).

    The input is added to the output where neither the size nor the number of channels changes. With
    ``squeeze_excite`` before the projection it is MobileNetV3's (arXiv 1905.02244, figure 4).

    Args:
        hidden_channels: as many as ``in_channels`` leave the first 1×1 convolution out.
        squeeze_excite: whether a :class:`SqueezeExcite` follows the depthwise convolution.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        hidden_channels: int = 64,
        act: NameOrArgs = "relu6",
        norm: NameOrArgs = "batch",
        squeeze_excite: bool = False,
    ) -> None:
        hidden = hidden_channels
        conv = partial(conv_norm_act, spatial_dims, norm=norm)
        layers = nn.Sequential(
            *([conv(in_channels, hidden, 1, act=act)] if hidden != in_channels else []),
            conv(hidden, hidden, kernel_size, stride, groups=hidden, act=act),
            *([SqueezeExcite(spatial_dims, hidden)] if squeeze_excite else []),
            conv(hidden, out_channels, 1, act=None),
        )
        super().__init__(layers, residual=stride == 1 and in_channels == out_channels)
        self.expands = hidden != in_channels


class ConcatMerge(nn.Module):
    """Concatenate the up-sampled deep features and the skip, as in the UNet of arXiv 1505.04597."""

    def __init__(self, spatial_dims: int, deep_channels: int, skip_channels: int, *_: Any) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2)
        self.out_channels = deep_channels + skip_channels

    def forward(self, deep: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        """``(B, out_channels, ...)``, the deep features first."""
        deep = self.up(deep)
        return deep if skip is None else torch.cat([deep, skip], dim=1)


class LateConcatStage(nn.Module):
    """One step up in the other order: up-sample, the block, and only then concatenate the skip."""

    def __init__(self, up: nn.Module, block: nn.Module) -> None:
        super().__init__()
        self.up = up
        self.block = block

    def forward(self, deep: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        """What the block makes of the up-sampled deep features, then the skip."""
        deep = self.block(self.up(deep))
        return deep if skip is None else torch.cat([deep, skip], dim=1)


DECODER_BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "double_conv_bias": partial(conv_chain, 2, bias=True),
    "transposed_conv": partial(conv_norm_act, stride=2, transposed=True),  # doubles the size itself
}


def tap_expansions(name: str, stages: nn.ModuleList) -> list[int]:
    """Move each stage's first expansion to the end of the stage before it, where its output is a feature.

    Args:
        name: of the encoder, for the message.
        stages: of the encoder; changed in place.

    Returns:
        Channels of the features of all stages but the last.

    Raises:
        ValueError: a stage that begins without an expansion.
    """
    channels = []
    for index in range(1, len(stages)):
        blocks: Any = stages[index]
        first, *others = blocks
        if not isinstance(first, InvertedResidual) or not first.expands:
            raise ValueError(f"taps is 'expansion'; stage {index + 1} of encoder {name!r} begins without an expansion.")
        layers: Any = first.layers
        expand, *rest = layers
        previous: Any = stages[index - 1]
        previous.append(expand)
        stages[index] = nn.Sequential(*rest, *others)
        channels.append(expand.out_channels)
    return channels
