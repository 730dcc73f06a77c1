"""What a page shows: cases with their files, and how they are described to the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.reports.page import NOTICE
from monai_mobileunet.review import Verdict
from monai_mobileunet.wording import readable

__all__ = ["Shown", "ShownCase"]

COLOURED = 255
"""Class numbers that get a colour although nothing names them."""


@dataclass(frozen=True)
class ShownCase:
    """A case that can be looked at.

    Attributes:
        name: unique among the cases.
        images: a file, a folder with a DICOM series, or one file for each channel.
        masks: the segmentation, or a file for each class; empty if there is none.
        label: the reference; ``None`` if there is none.
        problem: why it has no mask, or why its mask was not compared; empty if all went well.
        warnings: what a reader must know to trust the mask.
        dice: by the name of the class; ``None`` where the class has no Dice.
    """

    name: str
    images: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    label: Path | None = None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    dice: Mapping[str, float | None] = field(default_factory=dict)

    @classmethod
    def of_record(cls, record: CaseRecord) -> ShownCase:
        """A case of a run or of an evaluation."""
        results = {name: result.dice for name, result in record.results.items()}
        return cls(
            record.name,
            record.images,
            record.masks if record.done else (),
            record.label,
            record.trouble,
            tuple(record.warnings),
            results,
        )


@dataclass(frozen=True)
class Shown:
    """Everything that one page shows.

    Attributes:
        title: the folder or the file.
        kind: ``"run"``, ``"evaluation"``, ``"data set"`` or ``"images"``.
        class_names: of the classes from 1 on; empty where nothing names them.
        cases: in the order in which they are listed.
        review: folder of the table with the verdicts; ``None`` if none are kept.
        colours: of the classes from 1 on; by default those of the palette.
    """

    title: str
    kind: str
    class_names: tuple[str, ...]
    cases: tuple[ShownCase, ...]
    review: Path | None = None
    colours: tuple[Colour, ...] = ()

    def as_json(self, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
        """The description of the cases for the page.

        Args:
            verdicts: by the name of the case, as the table writes it.
        """
        return {
            "notice": NOTICE,
            "title": readable(self.title),
            "kind": self.kind,
            "classes": list(self.class_names),
            "colours": colours_of(COLOURED, dict(enumerate(self.colours, 1))),
            "reviewed_in": readable(str(self.review)) if self.review else "",
            "cases": [_as_json(case, verdicts) for case in self.cases],
        }


def _as_json(case: ShownCase, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    name = readable(case.name)
    verdict = verdicts.get(name)
    return {
        "name": name,
        "has_mask": bool(case.masks),
        "has_label": case.label is not None,
        "problem": readable(case.problem),
        "warnings": _readable_all(case.warnings),
        "dice": dict(case.dice),
        "verdict": verdict.quality.value if verdict else "",
        "note": verdict.note if verdict else "",
    }


def _readable_all(texts: Sequence[str]) -> list[str]:
    return list(map(readable, texts))
