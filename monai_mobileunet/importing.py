"""The imports of a process: names when they are asked for, and no pauses that are of no use."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["names_from", "uncollected"]


def names_from(package: str, names: Collection[str], rooms: Sequence[str]) -> Callable[[str], Any]:
    """A ``__getattr__`` of a package, which imports a name when it is asked for (PEP 562).

    Args:
        package: name of the package.
        names: that it offers.
        rooms: its modules that have them, those that need the least first; they are imported one after the other.
    """

    def get(name: str) -> Any:
        if name in names:
            for room in (import_module(f"{package}.{room}") for room in rooms):
                if hasattr(room, name):
                    return getattr(room, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get


@contextmanager
def uncollected() -> Iterator[None]:
    """Import MONAI without garbage collections, then and later on.

    torch and MONAI make a million objects that stay as long as the process. Python looks through all of them for
    garbage some times while they are imported, and again at its end: 1.3 and 1.6 of 9 s on one core. Here they are
    made without, and put where no collection looks (:func:`gc.freeze`). Where MONAI is there already nothing is done.
    """
    if "monai" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
