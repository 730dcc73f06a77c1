"""The imports of a process, without pauses that are of no use."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


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
