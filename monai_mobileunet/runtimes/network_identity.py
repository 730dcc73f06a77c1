"""What a network is, in one hash: its weights, its settings, and the source code of its layers."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["describe_network"]

VERSIONED = ("torch", "monai", "builtins")
"""Packages whose versions tell which source code they have; that of all others is read."""

PLAIN = (type(None), bool, int, float, complex, str, bytes, Enum, torch.dtype, torch.device)


def describe_network(network: nn.Module) -> Iterator[str]:
    """All that decides what a network computes, part by part.

    Weights and the words for layers are not enough: a module may compute with any of its attributes, and its file may
    have been edited. Nothing here runs the network.

    Args:
        network: on the CPU, in the mode in which it will be used.

    Yields:
        Each module's name, class and attributes, tensors as hashes; then each source file as a hash.

    Raises:
        ValueError: a module has an attribute that cannot be compared, or a class without source code.
    """
    classes: set[type] = set()
    for name, module in network.named_modules():
        settings = {key: value for key, value in vars(module).items() if key != "_modules"}
        yield f"{name} {_full_name(type(module))} {_describe(settings, name or type(module).__name__)}"
        classes.update(type(module).__mro__)
    for file in sorted({file for kind in classes if _needs_source(kind) for file in _source_files(kind)}):
        yield f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def _describe(value: Any, owner: str) -> str:
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()  # bfloat16 too
        return f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(content).hexdigest()}"
    if isinstance(value, PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, Mapping):
        value = [item for pair in value.items() for item in pair]
    if isinstance(value, set | frozenset):
        return str(sorted(_describe(item, owner) for item in value))
    if isinstance(value, list | tuple):
        return str([_describe(item, owner) for item in value])
    if isinstance(value, type) and not _needs_source(value):
        return _full_name(value)
    raise ValueError(f"{owner} has an attribute of the type {type(value).__name__}, which cannot be compared")


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _needs_source(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in VERSIONED


def _source_files(kind: type) -> list[Path]:
    """The file of a class, and those beside it in its package, which it may call.

    Raises:
        ValueError: there is none, as in a notebook.
    """
    try:
        inspect.getsource(kind)
        file = Path(inspect.getfile(kind))
    except (OSError, TypeError) as error:
        raise ValueError(f"the source code of its class {kind.__qualname__} cannot be found ({error})") from error
    return list(file.parent.glob("*.py")) if sys.modules[kind.__module__].__package__ else [file]
