"""Building blocks of the MobileNet encoders and of the UNet decoder.

Every convolution is :class:`monai.networks.blocks.Convolution`, so activation and normalisation are
named as everywhere in MONAI (``"relu"``, ``("group", {"num_groups": 8})``, ``None`` for none).
Shapes are ``(B, C, H, W)`` for ``spatial_dims=2`` and ``(B, C, H, W, D)`` for ``spatial_dims=3``.
"""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

__all__ = ["InvertedResidual", "UniversalInvertedBottleneck", "conv_norm_act", "make_divisible", "separable_conv"]

NameOrArgs = str | tuple | None


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Round a scaled channel count to a multiple of ``divisor``, never losing more than 10 %.

    Source: the rounding rule of the MobileNet reference implementation (tensorflow/models,
    ``research/slim/nets/mobilenet/mobilenet.py``).
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_norm_act(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    groups: int = 1,
    act: NameOrArgs = "relu",
    norm: NameOrArgs = "batch",
) -> Convolution:
    """Convolution without bias, then ``norm``, then ``act``; the padding keeps ``ceil(size / stride)``."""
    return Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        strides=stride,
        kernel_size=kernel_size,
        groups=groups,
        adn_ordering="NA",
        act=act,
        norm=norm,
        bias=norm is None,
    )


def separable_conv(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    act: NameOrArgs = "relu",
    norm: NameOrArgs = "batch",
) -> nn.Sequential:
    """Depthwise convolution, then a 1×1 convolution, each with norm and act (arXiv 1704.04861, figure 3)."""
    return nn.Sequential(
        conv_norm_act(spatial_dims, in_channels, in_channels, kernel_size, groups=in_channels, act=act, norm=norm),
        conv_norm_act(spatial_dims, in_channels, out_channels, 1, act=act, norm=norm),
    )


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand with 1×1, filter depthwise, project linearly (arXiv 1801.04381, section 3.3).

    The input is added to the output where neither the size nor the number of channels changes.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the depthwise kernel.
        stride: stride of the depthwise convolution.
        expansion: factor on ``in_channels`` between the two 1×1 convolutions; 1 leaves the first one out.
        act: activation, MONAI's name or ``(name, arguments)``.
        norm: normalisation, likewise.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        expansion: float = 6,
        act: NameOrArgs = "relu6",
        norm: NameOrArgs = "batch",
    ) -> None:
        super().__init__()
        hidden = make_divisible(in_channels * expansion)
        expand = [] if expansion == 1 else [conv_norm_act(spatial_dims, in_channels, hidden, 1, act=act, norm=norm)]
        self.layers = nn.Sequential(
            *expand,
            conv_norm_act(spatial_dims, hidden, hidden, kernel_size, stride, groups=hidden, act=act, norm=norm),
            conv_norm_act(spatial_dims, hidden, out_channels, 1, act=None, norm=norm),
        )
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, in_channels, ...)`` to ``(B, out_channels, ...)``, sizes divided by ``stride``, rounded up."""
        out = self.layers(x)
        return x + out if self.residual else out


class UniversalInvertedBottleneck(nn.Module):
    """MobileNetV4's block: an inverted residual with two optional depthwise convolutions.

    Depthwise before the expansion (``start_kernel_size``) and between the 1×1 convolutions
    (``kernel_size``); 0 leaves one out. Both present: "extra depthwise"; only the second: the inverted
    bottleneck; only the first: ConvNeXt-like; none: a feed-forward block. Source: arXiv 2404.10518,
    section 3 and figure 4. The depthwise convolution before the expansion has no activation, and the
    stride sits in the later of the two.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: depthwise kernel between the 1×1 convolutions, 0 for none.
        stride: factor by which the size shrinks; needs one of the depthwise convolutions.
        expansion: factor on ``in_channels`` between the 1×1 convolutions.
        start_kernel_size: depthwise kernel before the expansion, 0 for none.
        act: activation, MONAI's name or ``(name, arguments)``.
        norm: normalisation, likewise.

    Raises:
        ValueError: a stride above 1 without a depthwise convolution to carry it.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        expansion: float = 4,
        start_kernel_size: int = 0,
        act: NameOrArgs = "relu",
        norm: NameOrArgs = "batch",
    ) -> None:
        super().__init__()
        if stride > 1 and not (kernel_size or start_kernel_size):
            raise ValueError(f"stride {stride} needs a depthwise convolution: set kernel_size or start_kernel_size.")
        hidden = make_divisible(in_channels * expansion)
        layers: list[nn.Module] = []
        if start_kernel_size:
            start_stride = 1 if kernel_size else stride
            layers.append(
                conv_norm_act(
                    spatial_dims,
                    in_channels,
                    in_channels,
                    start_kernel_size,
                    start_stride,
                    groups=in_channels,
                    act=None,
                    norm=norm,
                )
            )
        layers.append(conv_norm_act(spatial_dims, in_channels, hidden, 1, act=act, norm=norm))
        if kernel_size:
            layers.append(
                conv_norm_act(spatial_dims, hidden, hidden, kernel_size, stride, groups=hidden, act=act, norm=norm)
            )
        layers.append(conv_norm_act(spatial_dims, hidden, out_channels, 1, act=None, norm=norm))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, in_channels, ...)`` to ``(B, out_channels, ...)``, sizes divided by ``stride``, rounded up."""
        out = self.layers(x)
        return x + out if self.residual else out
