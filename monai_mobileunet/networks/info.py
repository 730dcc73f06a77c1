"""What a network costs and sees: parameters, multiply-accumulates per layer group, receptive field."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from monai_mobileunet.networks.literature import SqueezeExcite
from monai_mobileunet.networks.mobile_unet import MobileUNet

__all__ = ["LayerGroup", "Macs", "NetworkInfo", "count_macs", "network_info"]

LONGEST_STRIP = 8192


@dataclass(frozen=True)
class LayerGroup:
    """A stage of the encoder or the decoder, or the head: its parameters and multiply-accumulates."""

    name: str
    parameters: int
    macs: int


@dataclass(frozen=True)
class NetworkInfo:
    """What :func:`network_info` tells.

    Attributes:
        size: height and width (and depth) of the image that ``macs`` are for.
        parameters: all of them.
        macs: multiply-accumulates of the convolutions for one image.
        receptive_field: how many pixels of an axis reach the centre of the output; ``None`` where a
            squeeze-excite lets every pixel reach it, and for networks in 3D.
        groups: the parts, in the order of computation; heads for deep supervision are left out.
    """

    size: tuple[int, ...]
    parameters: int
    macs: int
    receptive_field: int | None
    groups: tuple[LayerGroup, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Macs(NamedTuple):
    """Multiply-accumulates of a network, of each of its modules by name, and its output on the meta device."""

    total: int
    layers: dict[str, int]
    output: Any


def count_macs(network: nn.Module, shape: Sequence[int]) -> Macs:
    """Count a network's multiply-accumulates for inputs of a shape; nothing is computed (meta tensors).

    Args:
        network: which one, on any device; it is not changed.
        shape: of the input, with the batch.
    """
    on_meta = copy.deepcopy(network).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        output = on_meta(torch.empty(*shape, device="meta"))
    prefix = f"{type(network).__name__}."
    layers = {name.removeprefix(prefix): sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    return Macs(counter.get_total_flops() // 2, layers, output)


def network_info(network: MobileUNet, size: int = 256) -> NetworkInfo:
    """Count a network's parameters and multiply-accumulates, and measure its receptive field.

    Nothing is computed for the counts (meta tensors); the receptive field takes a pass forth and back over
    a strip of pixels. It is measured in 2D only: that of an axis does not depend on how many axes there are.

    Args:
        network: which one; it is not changed.
        size: pixels along each axis of the image.

    Raises:
        ValueError: a receptive field of more than 8192 pixels.
    """
    spatial_dims = 3 if any(isinstance(module, nn.Conv3d) for module in network.modules()) else 2
    shape = (size,) * spatial_dims
    macs = count_macs(network, (1, network.in_channels, *shape))
    groups = tuple(
        LayerGroup(name, sum(p.numel() for p in module.parameters()), macs.layers.get(name, 0))
        for name, module in network.named_modules()
        if name == "head" or (name.startswith(("encoder.stages.", "decoder.stages.")) and name.count(".") == 2)
    )
    return NetworkInfo(
        size=shape,
        parameters=sum(p.numel() for p in network.parameters()),
        macs=macs.total,
        receptive_field=_receptive_field(network) if spatial_dims == 2 else None,
        groups=groups,
    )


def _receptive_field(network: MobileUNet) -> int | None:
    """Extent of the gradient of one output pixel, in a network whose weights cannot cancel or saturate."""
    if any(isinstance(module, SqueezeExcite) for module in network.modules()):
        return None
    positive = copy.deepcopy(network).double().eval()
    for module in positive.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._NormBase):
            module.reset_running_stats()
            module.reset_parameters()
    length = 256
    while length <= LONGEST_STRIP:
        shape = (1, network.in_channels, network.reduction, length)
        strip = torch.full(shape, 1e-9, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(positive(strip)[0, 0, network.reduction // 2, length // 2], strip)
        seen = gradient.flatten(0, -2).abs().sum(0).nonzero().flatten()
        first, last = int(seen[0]), int(seen[-1])
        if first > 0 and last < length - 1:
            return last - first + 1
        length *= 2
    raise ValueError(f"the receptive field is larger than {LONGEST_STRIP} pixels.")
