"""A network's weights out of the files that trainings write, whatever they put around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from monai_mobileunet.data.errors import set_entry
from monai_mobileunet.networks import VARIANTS, MobileUNet, create_network
from monai_mobileunet.wording import counted

__all__ = ["CONTAINERS", "State", "load_weights", "nearest_weights", "no_weights", "read_weights", "unwrapped"]

CONTAINERS = ("model", "state_dict", "model_state_dict", "network", "net")
"""What trainings call the entry of a checkpoint that holds the network: MONAI, Lightning, nnU-Net and others."""

SHOWN = 3
UNUSED = "aux_heads."  # heads that MobileUNet has for deep supervision, and no prediction uses
COUNTER = "num_batches_tracked"  # of a norm; no prediction uses it

State = Mapping[str, torch.Tensor]
"""Names of a network's parameters and buffers, with their values."""


def no_weights(path: str | PathLike) -> FileNotFoundError:
    """The error of a bundle without weights, to be raised."""
    remedy = "Train the bundle first, or name a file with --weights (python -m monai.bundle run: --ckpt_path)."
    return FileNotFoundError(f"{path}: no weights. {remedy}")


def read_weights(path: str | PathLike) -> Mapping[str, Any]:
    """What a file of weights holds, read without running anything in it.

    Args:
        path: that :func:`torch.save` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no such file, or holds more than tensors and plain values.
    """
    if not Path(path).is_file():
        raise no_weights(path)
    remedy = "Name a state dict that torch.save wrote."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        problem = "cannot be read as weights: it is damaged, or holds objects that would run code of their own."
        raise ValueError(f"{path}: {problem} Save network.state_dict() with torch.save, and name that file.") from error
    except (RuntimeError, KeyError, EOFError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as weights ({type(error).__name__}). {remedy}") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: holds a {type(content).__name__}; expected names and tensors. {remedy}")
    return content


def load_weights(network: nn.Module, path: str | PathLike, described_by: str = "inference.json") -> None:
    """Load a network's weights, from a plain state dict or from what is around one in a checkpoint.

    Taken are a state dict, or one in an entry of a name of :data:`CONTAINERS`, with any one prefix before its names
    (``module.`` of DataParallel, ``_orig_mod.`` of torch.compile, ``network.`` of Lightning modules). Heads of
    :class:`MobileUNet` that only deep supervision trains may lack, and then are 0, or be in excess.

    Args:
        network: gets the weights; it may be wrapped in DataParallel or compiled.
        path: of the file.
        described_by: what says how the network is made, for the message.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read, fits another network, fits twice with different values, or has values that are
            not finite.
    """
    content = read_weights(path)
    network = unwrapped(network)
    expected = network.state_dict()
    fitting: dict[str, State] = {}
    others: list[tuple[str, State]] = []
    for name, state in _candidates(content, expected):
        missing, unexpected, shapes = _differences(network, expected, state)
        if missing or unexpected or shapes:
            others.append((name, state))
        else:
            fitting[name] = state
    if not fitting:
        raise ValueError(f"{path}: {_misfit(network, expected, others, described_by)}")
    (name, chosen), *rest = fitting.items()
    for other, state in rest:
        if any(not torch.equal(chosen[key], state[key]) for key in expected.keys() & chosen.keys() & state.keys()):
            problem = f"holds two sets of weights that fit, {name} and {other}."
            raise ValueError(f"{path}: {problem} Save the one that is meant as a state dict, and name that file.")
    values = {key: chosen.get(key, _absent(key, value)) for key, value in expected.items()}
    broken = [key for key, value in values.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if broken:
        problem = f"{len(broken)} of {len(values)} tensors have values that are not finite, as {broken[0]}."
        raise ValueError(f"{path}: {problem} The training diverged, or the file is damaged. Name other weights.")
    network.load_state_dict(values, strict=True)


def nearest_weights(network: nn.Module, path: str | PathLike) -> State:
    """The weights in a file that have most entries in common with a network, of which they need not be.

    Args:
        network: for the names and shapes.
        path: of the file; see :func:`load_weights` for what it may hold.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read.
    """
    expected = unwrapped(network).state_dict()
    found = [state for _, state in _candidates(read_weights(path), expected)]
    return max(found, key=lambda state: len(expected.keys() & state.keys()), default={})


def unwrapped(network: nn.Module) -> nn.Module:
    """The network itself, without DataParallel and what torch.compile puts around it."""
    while True:
        if isinstance(network, DataParallel | DistributedDataParallel):
            network = network.module
        elif isinstance(getattr(network, "_orig_mod", None), nn.Module):  # what torch.compile returns
            network = network._orig_mod  # type: ignore[assignment]
        else:
            return network


def _absent(key: str, value: torch.Tensor) -> torch.Tensor:
    """What takes the place of a tensor that no prediction uses: the same for every loading, for it has a hash."""
    return torch.zeros_like(value) if key.startswith(UNUSED) else value


def _candidates(content: Mapping[str, Any], expected: State) -> Iterator[tuple[str, State]]:
    """State dicts in a checkpoint, each with words for where it lies; as it is first, then without a prefix."""
    places = {"its top level": content}
    for container in CONTAINERS:
        if isinstance(content.get(container), Mapping):
            places[f"'{container}'"] = content[container]
            inner = {name: content[container].get(name) for name in CONTAINERS}
            places |= {f"'{container}' → '{name}'": held for name, held in inner.items() if isinstance(held, Mapping)}
    for place, held in places.items():
        state = {str(key): value for key, value in held.items() if isinstance(value, torch.Tensor)}
        if not state:
            continue
        first = next((key for key in expected if not key.startswith(UNUSED)), "")
        prefixes = [key.removesuffix(first) for key in state if key.endswith(f".{first}")]
        for prefix in prefixes:
            shortened = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            yield f"{place} with '{prefix}'", shortened
        if not prefixes or first in state:
            yield place, state


def _differences(network: nn.Module, expected: State, state: State) -> tuple[list[str], list[str], list[str]]:
    """Names that lack, names in excess, and names of tensors of another shape."""

    def counts(key: str) -> bool:
        unused = isinstance(network, MobileUNet) and not network.deep_supervision and key.startswith(UNUSED)
        return not unused and not key.endswith(COUNTER)

    missing = [key for key in expected if key not in state and counts(key)]
    unexpected = [key for key in state if key not in expected and counts(key)]
    shapes = [key for key in expected if key in state and state[key].shape != expected[key].shape]
    return missing, unexpected, shapes


def _misfit(network: nn.Module, expected: State, found: list[tuple[str, State]], described_by: str) -> str:
    """What differs in the state dict that comes closest, and the remedy."""
    if not found:
        return (
            f"holds no weights: expected names and tensors as {next(iter(expected))}, at its top level or under one of "
            f"{', '.join(CONTAINERS)}. Name a state dict that torch.save wrote."
        )
    _, state = min(found, key=lambda one: sum(map(len, _differences(network, expected, one[1]))))
    missing, unexpected, shapes = _differences(network, expected, state)
    differences = [f"lacks {_some(missing)}"] if missing else []
    differences += [f"has {_some(unexpected)} in excess"] if unexpected else []
    changed = [f"{key} {tuple(state[key].shape)}, expected {tuple(expected[key].shape)}" for key in shapes]
    differences += [f"has other shapes: {_some(changed)}"] if shapes else []
    problem = f"weights of another network than {described_by} describes. The file {'; '.join(differences)}."
    if not isinstance(network, MobileUNet):
        return f"{problem} Name what was changed for the training, as in {set_entry('network_def#out_channels', 4)}."
    return " ".join([problem, *_ends(network, state), _remedy(network, state)])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _ends(network: MobileUNet, state: State) -> Iterator[str]:
    """What the first and the last layer of a MobileUNet's weights tell of images and classes."""
    expected = network.state_dict()
    first = next(key for key, value in expected.items() if value.dim() > 2)
    last = [key for key in expected if key.startswith("head.") and key.endswith("bias")][-1:]
    if first in state and state[first].dim() > 2 and state[first].shape[1] != expected[first].shape[1]:
        yield (
            f"They take {counted(state[first].shape[1], 'channel')}, the network "
            f"{network.in_channels}: image channels times "
            "(2 × context + 1)."
        )
    for key in last:
        if key in state and state[key].shape != expected[key].shape:
            made = (
                f"{counted(network.out_channels, 'class', 'classes')} times "
                f"{counted(network.out_slices, 'slice')} at once"
            )
            yield f"They give {counted(len(state[key]), 'channel')}, the network {len(expected[key])}: {made}."


def _remedy(network: MobileUNet, state: State) -> str:
    """The variant that the weights are of, if they are of one."""
    sizes = {"in_channels": network.in_channels, "out_channels": network.out_channels, "out_slices": network.out_slices}
    dims = 3 if any(value.dim() == 5 for value in network.state_dict().values()) else 2
    ends = ("head.", UNUSED)
    for variant in VARIANTS if dims == 2 else ():
        with torch.device("meta"):
            other = create_network(variant, **sizes)
        missing, unexpected, shapes = _differences(other, other.state_dict(), state)
        first = next(iter(other.state_dict()))
        if not missing and not unexpected and all(key == first or key.startswith(ends) for key in shapes):
            if not any(_differences(other, other.state_dict(), network.state_dict())):
                context = (state[first].shape[1] - 1) // 2
                return (
                    "Set image_channels, context, num_classes and out_slices as in the training; for images of one "
                    f"channel type {set_entry('context', context)}."
                )
            return f"They are those of {variant}: type {set_entry('network_def#variant', variant)}."
    example = set_entry("network_def#variant", "mobileunet_tiny")
    return f"Name what was changed for the training, as in {example}."
