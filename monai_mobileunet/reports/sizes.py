"""How large a class is: a volume in ml; of a single slice an area in mm², or in pixels where the image tells no mm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from monai_mobileunet.case_record import CaseRecord

__all__ = [
    "AREA",
    "DIGITS",
    "PIXELS",
    "SHARE",
    "VOLUME",
    "Size",
    "size_kind",
    "size_kinds",
    "sizes_line",
    "table_kinds",
]


DIGITS = ((10, 3), (100, 2), (1000, 1))
"""Digits behind the point of sizes below a number; larger ones have none."""


@dataclass(frozen=True)
class Size:
    """A kind of size.

    Attributes:
        title: for people.
        unit: for people.
        column: unit in the names of columns and keys.
        digits: behind the point, for people; ``None`` as :data:`DIGITS` says of the largest number.
    """

    title: str
    unit: str
    column: str
    digits: int | None = None

    def digits_for(self, largest: float) -> int:
        """Digits behind the point of numbers as large as that one, for people."""
        return next((digits for limit, digits in DIGITS if largest < limit), 0) if self.digits is None else self.digits

    def of_case(self, case: CaseRecord, name: str) -> float | None:
        """Size of a class in a mask; ``None`` where the case has no size of this kind."""
        return self._of(case, case.volumes_ml, case.areas, case.shares).get(name)

    def sides(self, case: CaseRecord, name: str) -> dict[str, float | None]:
        """Size of a class in a mask (``"pred"``), in its reference (``"label"``), and the difference (``"bias"``)."""
        result = case.results.get(name) or case.regions.get(name)
        if result is None:
            return {}
        pred = self._of(case, result.pred_ml, result.pred_area, None)
        label = self._of(case, result.label_ml, result.label_area, None)
        return {"pred": pred, "label": label, "bias": None if pred is None or label is None else pred - label}

    def _of(self, case: CaseRecord, volume: Any, area: Any, share: Any) -> Any:
        """What a case has of this kind: a picture tells no mm, and no other case is counted in pixels."""
        nothing: Any = {} if isinstance(volume, dict) else None
        if case.in_pixels:
            return {PIXELS: area, SHARE: share}.get(self, nothing)
        return {VOLUME: volume, AREA: area}.get(self, nothing)


VOLUME = Size("volume", "ml", "ml")
AREA = Size("area", "mm²", "mm2")
PIXELS = Size("area", "pixels", "pixels", 0)
SHARE = Size("share", "of image", "share")
"""Of the image's pixels, in [0, 1]; beside :data:`PIXELS`."""


def size_kind(case: CaseRecord) -> Size:
    """In what people read how large the classes of a case are."""
    flat = case.areas or any(result.pred_area is not None for result in case.classes)
    return PIXELS if case.in_pixels else AREA if flat else VOLUME


def size_kinds(cases: Iterable[CaseRecord]) -> tuple[Size, ...]:
    """The same for several cases; :data:`VOLUME` where none has a mask."""
    found = {size_kind(case) for case in cases if case.done}
    return tuple(kind for kind in (VOLUME, AREA, PIXELS) if kind in found) or (VOLUME,)


def table_kinds(cases: Iterable[CaseRecord]) -> tuple[Size, ...]:
    """All sizes that there are of cases, for tables that programs read."""
    shown = size_kinds(cases)
    every = {*shown, *([VOLUME] if AREA in shown else []), *([SHARE] if PIXELS in shown else [])}
    return tuple(kind for kind in (VOLUME, AREA, PIXELS, SHARE) if kind in every)


def sizes_line(case: CaseRecord) -> str:
    """All classes of a case in words: ``liver 1523 ml, spleen 210 ml``."""
    kind = size_kind(case)
    texts = []
    for name in case.volumes_ml:
        value = kind.of_case(case, name) or 0.0
        share = f" ({case.shares[name]:.1%} of the image)" if kind is PIXELS else ""
        texts.append(f"{name} {value:,.{kind.digits_for(value)}f} {kind.unit}{share}")
    return ", ".join(texts)
