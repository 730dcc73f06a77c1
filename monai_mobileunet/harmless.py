"""Warnings of other libraries that tell a user nothing: each by its text, with the reason why it is left out.

They are left out only where they come up: in a validation, in a comparison of masks, where a reader is made. What MONAI
says before it has read a bundle, as that a config is code, cannot be reached from here; docs/train.md explains it.
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
    Harmless(
        ".*Argument `always_return_as_numpy` has been deprecated",
        FutureWarning,
        "MONAI's surface distances pass it to a function of MONAI's own; nothing of ours names it.",
    ),
    Harmless(
        "NvImgCodecPydicomReader: nvImageCodec decoder plugin did not register",
        UserWarning,
        "MONAI makes all of its readers with any; ours does not decode with that one.",
    ),
)


@contextmanager
def without_harmless_warnings() -> Iterator[None]:
    """Leave out what is in :data:`HARMLESS`, and nothing else."""
    with warnings.catch_warnings():
        for one in HARMLESS:
            warnings.filterwarnings("ignore", one.text, one.kind)
        yield
