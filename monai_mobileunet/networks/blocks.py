"""Building blocks of the MobileNet encoders and of the UNet decoder.

Every convolution is :class:`monai.networks.blocks.Convolution`, so activation and normalisation are
named as everywhere in MONAI (``"relu"``, ``("group", {"num_groups": 8})``, ``None`` for none).
Shapes are ``(B, C, H, W)`` for ``spatial_dims=2`` and ``(B, C, H, W, D)`` for ``spatial_dims=3``.
"""

from __future__ import annotations

from functools import partial

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Conv, Pool
from monai.networks.layers.utils import get_act_layer
from torch import nn

__all__ = [
    "FusedInvertedBottleneck",
    "InvertedResidual",
    "SqueezeExcite",
    "UniversalInvertedBottleneck",
    "activation",
    "conv_norm_act",
    "initialise",
    "make_divisible",
    "separable_conv",
]

NameOrArgs = str | tuple | None

ACTIVATIONS: dict[str, type[nn.Module]] = {"hardswish": nn.Hardswish}  # those that MONAI has no name for


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
    bias: bool = False,
    transposed: bool = False,
) -> Convolution:
    """Convolution, then ``norm``, then ``act``; the padding keeps ``ceil(size / stride)``.

    There is a bias where asked for, and where no norm would take it away. ``transposed`` multiplies the
    size by ``stride`` instead.
    """
    own_act = act is not None and _own_name(act) in ACTIVATIONS
    convolution = Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        strides=stride,
        kernel_size=kernel_size,
        groups=groups,
        adn_ordering="NA",
        act="relu" if own_act else act,
        norm=norm,
        bias=bias or norm is None,
        is_transposed=transposed,
    )
    if own_act:
        convolution.get_submodule("adn").A = activation(act)
    return convolution


def activation(act: NameOrArgs) -> nn.Module:
    """An activation by its name or ``(name, arguments)``: MONAI's, or one of :data:`ACTIVATIONS`; ``None`` for none."""
    if act is None:
        return nn.Identity()
    if _own_name(act) in ACTIVATIONS:
        arguments = {} if isinstance(act, str) else act[1]
        return ACTIVATIONS[_own_name(act)](**arguments)
    return get_act_layer(act)


def _own_name(act: str | tuple) -> str:
    return str(act if isinstance(act, str) else act[0]).lower()


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


class _Bottleneck(nn.Module):
    """Layers whose input is added to their output where neither the size nor the number of channels changes."""

    def __init__(self, layers: nn.Sequential, residual: bool) -> None:
        super().__init__()
        self.layers = layers
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, in_channels, ...)`` to ``(B, out_channels, ...)``, sizes divided by ``stride``, rounded up."""
        out = self.layers(x)
        return x + out if self.residual else out


class InvertedResidual(_Bottleneck):
    """MobileNetV2's block: expand with 1×1, filter depthwise, project linearly (arXiv 1801.04381, section 3.3).

    The input is added to the output where neither the size nor the number of channels changes. With
    ``squeeze_excite`` before the projection it is MobileNetV3's (arXiv 1905.02244, figure 4).

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the depthwise kernel.
        stride: stride of the depthwise convolution.
        hidden_channels: channels between the two 1×1 convolutions; as many as ``in_channels`` leave the
            first one out.
        act: activation, MONAI's name or ``(name, arguments)``.
        norm: normalisation, likewise.
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
            *([] if hidden == in_channels else [conv(in_channels, hidden, 1, act=act)]),
            conv(hidden, hidden, kernel_size, stride, groups=hidden, act=act),
            *([SqueezeExcite(spatial_dims, hidden)] if squeeze_excite else []),
            conv(hidden, out_channels, 1, act=None),
        )
        super().__init__(layers, residual=stride == 1 and in_channels == out_channels)


class FusedInvertedBottleneck(_Bottleneck):
    """An inverted residual whose expansion and depthwise convolution are one dense convolution.

    Source: arXiv 2404.10518, section 3 ("fused inverted bottleneck").

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the dense kernel.
        stride: stride of the dense convolution.
        hidden_channels: channels between the two convolutions.
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
        hidden_channels: int = 64,
        act: NameOrArgs = "relu",
        norm: NameOrArgs = "batch",
    ) -> None:
        layers = nn.Sequential(
            conv_norm_act(spatial_dims, in_channels, hidden_channels, kernel_size, stride, act=act, norm=norm),
            conv_norm_act(spatial_dims, hidden_channels, out_channels, 1, act=None, norm=norm),
        )
        super().__init__(layers, residual=stride == 1 and in_channels == out_channels)


class UniversalInvertedBottleneck(_Bottleneck):
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
        hidden_channels: channels between the 1×1 convolutions.
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
        hidden_channels: int = 64,
        start_kernel_size: int = 0,
        act: NameOrArgs = "relu",
        norm: NameOrArgs = "batch",
    ) -> None:
        if stride > 1 and not (kernel_size or start_kernel_size):
            raise ValueError(f"stride {stride} needs a depthwise convolution: set kernel_size or start_kernel_size.")
        hidden = hidden_channels
        conv = partial(conv_norm_act, spatial_dims, norm=norm)
        start = partial(conv, in_channels, in_channels, start_kernel_size, groups=in_channels, act=None)
        layers = nn.Sequential(
            *([start(stride=1 if kernel_size else stride)] if start_kernel_size else []),
            conv(in_channels, hidden, 1, act=act),
            *([conv(hidden, hidden, kernel_size, stride, groups=hidden, act=act)] if kernel_size else []),
            conv(hidden, out_channels, 1, act=None),
        )
        super().__init__(layers, residual=stride == 1 and in_channels == out_channels)


def initialise(module: nn.Module) -> None:
    """He's initialisation by fan-out, with the groups of a depthwise convolution taken into account.

    For :meth:`torch.nn.Module.apply`; other modules than convolutions keep their own.
    """
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        fan_out = module.weight[0, 0].numel() * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0.0, (2.0 / fan_out) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
