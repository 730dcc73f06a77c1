"""Weights of another network in a new one: layers whose name and shape fit, rows of heads by the classes' names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from monai_mobileunet.bundle.weights import State, unwrapped

__all__ = ["Reused", "START", "class_rows", "holds_weights", "reuse_weights"]

START = "models/start.pt"
"""File in a bundle with the weights that its training starts from."""

HEADS = ("head.", "aux_heads.")
AUXILIARY = "aux_heads."
"""Heads that only deep supervision trains."""

TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)

Reused = dict[str, tuple[int, int]]
"""Part of a network, in the order of computation → parameters that are reused, and how many it has."""


def class_rows(names: Sequence[str], their_names: Sequence[str]) -> dict[int, int]:
    """Which classes have the same name in both networks, whatever its case.

    Args:
        names: of the new network's classes from 1 on.
        their_names: of the other network's.

    Returns:
        Number of the class → its number in the other network; the background is 0 in both.
    """
    known = {name.casefold(): number for number, name in enumerate(their_names, 1)}
    same = {number: known[name.casefold()] for number, name in enumerate(names, 1) if name.casefold() in known}
    return {0: 0, **same}


def reuse_weights(network: nn.Module, state: State, names: Sequence[str], their_names: Sequence[str]) -> Reused:
    """Give a network what fits of another's weights, in place; what does not fit keeps its values.

    A normalisation behind a convolution that does not fit is not taken either, for its statistics are of other values.
    Of heads those rows are taken whose classes have the same name, the background's among them.

    Args:
        network: gets the weights; it may be wrapped in DataParallel or compiled.
        state: names and tensors of the other network.
        names: of the network's classes from 1 on.
        their_names: of the other network's classes from 1 on.

    Returns:
        For each part what was reused; without heads for deep supervision.
    """
    module = unwrapped(network)
    own = module.state_dict()
    fitting = dict(_fitting(own, state))
    counts = {key: own[key].numel() for key in fitting}
    rows = class_rows(names, their_names)
    for key in own:
        if key.startswith(HEADS) and key in state:
            axis = _class_axis(module, key)
            found = _with_rows(own[key], state[key], axis, (len(names) + 1, len(their_names) + 1), rows)
            if found is not None:
                fitting[key] = found
                counts[key] = found.numel() // (len(names) + 1) * len(rows)
    module.load_state_dict(fitting, strict=False)
    parts: Reused = {}
    for key, value in module.named_parameters():
        if not key.startswith(AUXILIARY):
            reused, total = parts.get(_part(key), (0, 0))
            parts[_part(key)] = (reused + counts.get(key, 0), total + value.numel())
    return parts


def holds_weights(network: nn.Module, state: State) -> bool:
    """Whether a network has exactly the values of another's layers that fit, its heads aside."""
    own = unwrapped(network).state_dict()
    fitting = dict(_fitting(own, state))
    return bool(fitting) and all(torch.equal(own[key].cpu(), value) for key, value in fitting.items())


def _fitting(own: State, state: State) -> Iterator[tuple[str, torch.Tensor]]:
    """The entries of layers other than heads whose name and shape fit."""
    misfits = [key for key in own if key.endswith("conv.weight") and not _same_shape(own, state, key)]
    norms = tuple(f"{key.removesuffix('conv.weight')}adn." for key in misfits)
    for key in own:
        if _same_shape(own, state, key) and not key.startswith((*HEADS, *norms)):
            yield key, state[key]


def _same_shape(own: State, state: State, key: str) -> bool:
    return key in state and state[key].shape == own[key].shape


def _class_axis(module: nn.Module, key: str) -> int:
    """Axis of a head's tensor that the classes, and the slices of each class, are stacked along."""
    name, _, kind = key.rpartition(".")
    return 1 if kind == "weight" and isinstance(module.get_submodule(name), TRANSPOSED) else 0


def _with_rows(
    own: torch.Tensor, theirs: torch.Tensor, axis: int, classes: tuple[int, int], rows: Mapping[int, int]
) -> torch.Tensor | None:
    """A head's tensor with the other's rows of some classes; ``None`` where one row does not fit the other."""
    if own.dim() != theirs.dim() or own.shape[axis] % classes[0] or theirs.shape[axis] % classes[1]:
        return None
    result = own.clone()
    new, old = result.unflatten(axis, (classes[0], -1)), theirs.unflatten(axis, (classes[1], -1))
    if new.select(axis, 0).shape != old.select(axis, 0).shape:
        return None
    for number, their_number in rows.items():
        new.select(axis, number).copy_(old.select(axis, their_number))
    return result


def _part(key: str) -> str:
    """Stage of the encoder or the decoder, or what else lies at the top of the network."""
    first, *others = key.split(".")
    return ".".join([first, *others[:2]]) if others[:1] == ["stages"] else first
