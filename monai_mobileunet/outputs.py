"""What a network returns: one tensor, several, or a dictionary of them, as MONAI's inferers take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

__all__ = ["Keys", "Output", "flatten_outputs", "map_outputs", "pack_outputs"]

Output = torch.Tensor | Sequence[torch.Tensor] | Mapping[Any, torch.Tensor]
Keys = tuple[Any, ...] | None
"""Keys of a dictionary in the network's order; ``None`` for one tensor or a sequence."""


def flatten_outputs(output: Output) -> tuple[tuple[torch.Tensor, ...], Keys]:
    """The tensors in a network's output, and what :func:`pack_outputs` needs to put them back.

    Args:
        output: a tensor, a sequence of tensors, or a dictionary with tensors for values.

    Raises:
        TypeError: anything else.
    """
    keys = tuple(output) if isinstance(output, Mapping) else None
    if isinstance(output, torch.Tensor):
        tensors: tuple[Any, ...] = (output,)
    elif isinstance(output, Mapping):
        tensors = tuple(output.values())
    else:
        tensors = tuple(output) if isinstance(output, list | tuple) else (output,)
    others = {type(tensor).__name__ for tensor in tensors if not isinstance(tensor, torch.Tensor)}
    if others or not tensors:
        inside = f" with {', '.join(sorted(others))}" if tensors else " with nothing in it"
        found = type(output).__name__ + (inside if isinstance(output, list | tuple | Mapping) else "")
        raise TypeError(
            f"the network returned {found}; expected a tensor (N, classes, H, W), or a tuple or a dictionary of such "
            "tensors. Wrap the network in one that returns only these."
        )
    return tensors, keys


def pack_outputs(tensors: Sequence[torch.Tensor], keys: Keys) -> Any:
    """Tensors in the form of the output that they came from.

    Args:
        tensors: as many as the output had.
        keys: from :func:`flatten_outputs`.

    Returns:
        A dictionary where there are keys; otherwise a tuple, or the tensor itself where there is one, as MONAI's
        inferers return.
    """
    if keys is not None:
        return dict(zip(keys, tensors, strict=True))
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


def map_outputs(function: Callable[[torch.Tensor], torch.Tensor], output: Output) -> Any:
    """Apply a function to each tensor of an output, which keeps its form."""
    tensors, keys = flatten_outputs(output)
    return pack_outputs([function(tensor) for tensor in tensors], keys)
