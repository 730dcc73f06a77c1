"""What SEG and RTSTRUCT say alike to a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from monai_mobileunet.data.errors import Finding

__all__ = ["Report", "StructureSet", "different_names"]

Report: TypeAlias = Callable[[Finding], object]


@dataclass(frozen=True)
class StructureSet:
    """What the header of a file says.

    Attributes:
        series: UID of the series that the structures were drawn on; empty if it is not said.
        names: of all structures, those without any voxel too, as the file's reader calls them.
    """

    series: str
    names: tuple[str, ...]


def different_names(given: Mapping[int, str]) -> dict[int, str]:
    """Names by the numbers of the structures, without spaces at the ends; those that several have get their numbers."""
    stripped = {number: name.strip(" \0") for number, name in given.items()}
    texts = list(stripped.values())
    return {
        number: name if name and texts.count(name) == 1 else f"{name or 'ROI'} ({number})"
        for number, name in stripped.items()
    }
