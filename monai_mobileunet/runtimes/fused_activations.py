"""Convolutions that apply their activation while its values are still in the cache, without a compiler."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any, cast

import torch
from monai.networks.blocks import Convolution
from torch import nn

__all__ = ["ConvolutionWithActivation", "can_fuse", "fuse_activations"]

X86 = ("x86_64", "amd64")
"""Processors that oneDNN has kernels of its own for."""

POST_OPERATIONS: dict[type[nn.Module], Callable[[Any], tuple[str, list[float]]]] = {
    nn.ReLU: lambda act: ("relu", []),
    nn.ReLU6: lambda act: ("hardtanh", [0.0, 6.0]),
    nn.LeakyReLU: lambda act: ("leaky_relu", [act.negative_slope]),
    nn.Hardswish: lambda act: ("hardswish", []),
}
"""What oneDNN calls an activation, and its numbers."""


class ConvolutionWithActivation(nn.Module):
    """A 2D convolution and what follows it, as one call of oneDNN.

    The operator is the one that :func:`torch.compile` generates on a CPU; it takes plain weights as well, so nothing
    has to be generated. The activation alone would read and write all features once more.

    Args:
        conv: with its weights in float32; they are shared, not copied.
        act: a key of :data:`POST_OPERATIONS`, as a module.
    """

    def __init__(self, conv: nn.Conv2d, act: nn.Module) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self.geometry = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        self.attribute, self.scalars = POST_OPERATIONS[type(act)](act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(N, C, H, W)`` in float32 as the two modules do."""
        fused = torch.ops.mkldnn._convolution_pointwise
        return fused(x, self.weight, self.bias, *self.geometry, self.attribute, self.scalars, "")


def can_fuse() -> bool:
    """Whether this torch and this processor have the operator."""
    on_x86 = platform.machine().lower() in X86
    return on_x86 and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def fuse_activations(network: nn.Module) -> nn.Module:
    """Join the 2D convolution and the activation of each :class:`monai.networks.blocks.Convolution`.

    Fold norms before (:func:`monai_mobileunet.runtimes.torch_runtime.fold_batch_norm`): one that is left stands
    between a convolution and its activation. Modules with hooks stay, and so does a network whose weights are not
    finite: oneDNN's ReLU makes 0 of NaN, so that the scores would not show it. (They would not show features beyond
    the range of float32 either, which finite weights and images have to be far out for.)

    Args:
        network: in eval mode, in float32, on a CPU; it is changed.

    Returns:
        The same network.
    """
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        return network
    for block in network.modules():
        if type(block) is not Convolution or not hasattr(block, "adn"):
            continue
        conv, adn = block.get_submodule("conv"), block.get_submodule("adn")
        name, act = next(((n, m) for n, m in adn.named_children() if type(m) is not nn.Identity), ("", adn))
        if type(act) in POST_OPERATIONS and _is_fusible(conv) and not _has_hooks(conv, adn, act):
            block.conv = ConvolutionWithActivation(cast(nn.Conv2d, conv), act)
            setattr(adn, name, nn.Identity())
    return network


def _has_hooks(*modules: nn.Module) -> bool:
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)


def _is_fusible(conv: nn.Module) -> bool:
    if type(conv) is not nn.Conv2d:  # a subclass may compute something else
        return False
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str) and conv.weight.dtype == torch.float32
