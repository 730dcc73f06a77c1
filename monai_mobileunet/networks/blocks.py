"""Building blocks of encoders and decoders; those of the literature's networks alone lie in ``literature.py``.

Every convolution is :class:`monai.networks.blocks.Convolution`, so activation and normalisation are
named as everywhere in MONAI (``"relu"``, ``("group", {"num_groups": 8})``, ``None`` for none).
Shapes are ``(B, C, H, W)`` for ``spatial_dims=2`` and ``(B, C, H, W, D)`` for ``spatial_dims=3``.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.utils import get_act_layer
from torch import nn

__all__ = [
    "Bottleneck",
    "FusedInvertedBottleneck",
    "UniversalInvertedBottleneck",
    "activation",
    "conv_chain",
    "conv_norm_act",
    "initialise",
    "make_divisible",
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


def conv_chain(repeats: int, spatial_dims: int, in_channels: int, out_channels: int, **arguments: Any) -> nn.Module:
    """``repeats`` times :func:`conv_norm_act`, the first of which changes the number of channels."""
    channels = [in_channels] + [out_channels] * repeats
    return nn.Sequential(*(conv_norm_act(spatial_dims, *pair, **arguments) for pair in pairwise(channels)))


class Bottleneck(nn.Module):
    """Layers whose input is added to their output where neither the size nor the number of channels changes.

    What is built on it takes ``spatial_dims`` (2 or 3), ``in_channels``, ``out_channels``, ``kernel_size``, ``stride``,
    ``hidden_channels`` (between the first and the last convolution), ``act`` and ``norm`` (MONAI's name or
    ``(name, arguments)``), and tells here what else.
    """

    def __init__(self, layers: nn.Sequential, residual: bool) -> None:
        super().__init__()
        self.layers = layers
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, in_channels, ...)`` to ``(B, out_channels, ...)``, sizes divided by ``stride``, rounded up."""
        out = self.layers(x)
        return x + out if self.residual else out


class FusedInvertedBottleneck(Bottleneck):
    """An inverted residual whose expansion and depthwise convolution are one dense convolution.

    Source: arXiv 2404.10518, section 3 ("fused inverted bottleneck").
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


class UniversalInvertedBottleneck(Bottleneck):
    """MobileNetV4's block: an inverted residual with two optional depthwise convolutions.

    Depthwise before the expansion (``start_kernel_size``) and between the 1×1 convolutions
    (``kernel_size``); 0 leaves one out. Both present: "extra depthwise"; only the second: the inverted
    bottleneck; only the first: ConvNeXt-like; none: a feed-forward block. Source: arXiv 2404.10518,
    section 3 and figure 4. The depthwise convolution before the expansion has no activation, and the
    stride sits in the later of the two.

    Args:
        kernel_size: depthwise kernel between the 1×1 convolutions, 0 for none.
        start_kernel_size: depthwise kernel before the expansion, 0 for none.

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
