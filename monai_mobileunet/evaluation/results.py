"""What comes of a comparison with a reference; without the libraries that measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["TOLERANCE", "ClassResult", "Outcome", "flat_axis"]

TOLERANCE = 1.0
"""Tolerance of the surface Dice where none is asked for, in mm."""


class Outcome(StrEnum):
    """Which of the two has the class at all, where it was annotated; what an average must not mix."""

    BOTH = "in both"
    MISSED = "missed"
    FALSE_POSITIVE = "false positive"
    ABSENT = "absent"
    UNKNOWN = "not annotated"


@dataclass(frozen=True)
class ClassResult:
    """One class, or one region of several, of one case. ``None`` stands for what has no value there:

    ===============  =======  ============  =================
    outcome          Dice     surface Dice  surface distances
    ===============  =======  ============  =================
    in both          [0, 1]   [0, 1]        mm
    missed           0        0             ``None``
    false positive   ``None``  ``None``     ``None``
    absent           ``None``  ``None``     ``None``
    not annotated    ``None``  ``None``     ``None``
    ===============  =======  ============  =================

    A class that the reference lacks says nothing about how well it is drawn, so it has no Dice (neither a
    flattering 1 nor a punishing 0) and is counted instead; the volume that was drawn stays to be seen. Where slices
    were annotated one by one, surfaces have no distances.

    Attributes:
        outcome: which of the two has the class.
        dice: overlap.
        hd95: 95th percentile of the distances between the surfaces, the larger of both directions, mm.
        asd: mean distance between the surfaces, both directions together, mm.
        surface_dice: share of the two surfaces (by area) that lies within the tolerance of the other.
        pred_ml: volume of the segmentation.
        label_ml: volume of the reference.
        pred_area: area of the segmentation in mm², where the grid has a single slice; in pixels if it tells no mm.
        label_area: area of the reference likewise.
    """

    outcome: Outcome
    dice: float | None
    hd95: float | None
    asd: float | None
    surface_dice: float | None
    pred_ml: float
    label_ml: float
    pred_area: float | None = None
    label_area: float | None = None

    @property
    def bias_ml(self) -> float:
        """Volume of the segmentation less that of the reference."""
        return self.pred_ml - self.label_ml

    @property
    def bias_area(self) -> float | None:
        """Area of the segmentation less that of the reference; ``None`` for a volume."""
        return None if self.pred_area is None or self.label_area is None else self.pred_area - self.label_area

    def as_row(self, pixels: bool = False) -> dict[str, Any]:
        """The result in JSON files of reports, each size with its unit; a picture tells no ml and no mm².

        Args:
            pixels: whether the image is a picture.
        """
        sizes = {"pred": (self.pred_ml, self.pred_area), "label": (self.label_ml, self.label_area)}
        row = {key: value for key, value in asdict(self).items() if not key.startswith(tuple(sizes))}
        for key, (volume, area) in sizes.items():
            row |= {} if pixels else {f"{key}_ml": volume}
            row |= {} if area is None else {f"{key}_{'pixels' if pixels else 'mm2'}": area}
        return row


def flat_axis(shape: Sequence[int]) -> int | None:
    """The axis along which a grid has its single slice; ``None`` for a volume."""
    return list(shape).index(1) if list(shape).count(1) == 1 else None
