"""Warnings of other libraries that say nothing of a training: each by its text, with the reason why it is left out.

They are left out while a training or an evaluation runs, and only these. What MONAI says before it has read a bundle,
as that a config is code, cannot be reached from here; docs/train.md explains it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["HARMLESS", "without_harmless_warnings"]


@dataclass(frozen=True)
class Harmless:
    """A warning that is left out.

    Attributes:
        text: what it begins with, as a regular expression.
        kind: its class.
        reason: why nobody need read it.
    """

    text: str
    kind: type[Warning]
    reason: str


OF_NOTHING = (
    "MONAI summarises the Dice of each class over the cases; a class that no case has gives the mean of nothing."
)

HARMLESS = (
    Harmless("Mean of empty slice", RuntimeWarning, OF_NOTHING),
    Harmless("All-NaN (slice|axis) encountered", RuntimeWarning, OF_NOTHING),
    Harmless("Degrees of freedom <= 0 for slice", RuntimeWarning, OF_NOTHING),
)


@contextmanager
def without_harmless_warnings() -> Iterator[None]:
    """Leave out what is in :data:`HARMLESS`, and nothing else."""
    with warnings.catch_warnings():
        for one in HARMLESS:
            warnings.filterwarnings("ignore", one.text, one.kind)
        yield
