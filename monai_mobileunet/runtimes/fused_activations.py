"""Convolutions that apply their activation while its values are still in the cache, without a compiler."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from typing import Any

import torch
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

Leaf = tuple[nn.Module, str, nn.Module]


class ConvolutionWithActivation(nn.Module):
    """A 2D convolution and what follows it, as one call of oneDNN.

    The operator is the one that :func:`torch.compile` generates on a CPU; it takes plain weights as well, so nothing
    has to be generated. The activation alone would read and write all features once more, which takes as long as a
    1×1 convolution.

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
    """Join each 2D convolution with the activation that follows it in a :class:`torch.nn.Sequential`.

    Fold norms before (:func:`monai_mobileunet.runtimes.torch_runtime.fold_batch_norm`): one that is left stands
    between a convolution and its activation. A sequence with a ``forward`` of its own stays as it is.

    Args:
        network: in eval mode, in float32, on a CPU; it is changed.

    Returns:
        The same network.
    """
    for block in list(network.modules()):
        leaves = list(_leaves(block)) if _is_plain(block) else []
        for index, (parent, name, conv) in enumerate(leaves):
            following = next((leaf for leaf in leaves[index + 1 :] if type(leaf[2]) is not nn.Identity), None)
            if following is None or type(following[2]) not in POST_OPERATIONS or not _is_fusible(conv):
                continue
            setattr(parent, name, ConvolutionWithActivation(conv, following[2]))  # type: ignore[arg-type]
            setattr(following[0], following[1], nn.Identity())
    return network


def _is_plain(block: nn.Module) -> bool:
    return isinstance(block, nn.Sequential) and type(block).forward is nn.Sequential.forward


def _is_fusible(conv: nn.Module) -> bool:
    plain = type(conv) is nn.Conv2d and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    return plain and conv.weight.dtype == torch.float32


def _leaves(block: nn.Module) -> Iterator[Leaf]:
    """Modules in the order in which a sequence of sequences calls them, each with its parent and its name there."""
    for name, module in block._modules.items():  # named_children() leaves out a module that comes again
        if module is None:
            continue
        if _is_plain(module):
            yield from _leaves(module)
        else:
            yield block, name, module
