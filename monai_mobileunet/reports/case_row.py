"""What a report tells of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.segmentation.segmenter import Segmentation

__all__ = ["DONE", "FAILED", "CaseRow", "failed_row", "row_of"]

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class CaseRow:
    """A case of a run.

    Attributes:
        case: its name.
        status: ``"done"`` or ``"failed"``.
        images: files that it was read from.
        outputs: files that were written.
        problem: why it failed, with the file and what to do.
        warnings: what a reader must know to trust the mask.
        shape: of the grid.
        spacing_mm: per voxel, along its axes.
        volumes_ml: by the name of the class.
        cut_off: classes that reach the border of the image, so that their volume may be larger.
        seconds: by stage.
        metrics: against the reference, by class and metric; empty without one.
        reference_problem: why the reference could not be measured against; empty if it could, or there is none.
        picture: file in the run's own folder; empty if there is none.
    """

    case: str
    status: str
    images: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    problem: str = ""
    warnings: list[str] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)
    spacing_mm: list[float] = field(default_factory=list)
    volumes_ml: dict[str, float] = field(default_factory=dict)
    cut_off: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    reference_problem: str = ""
    picture: str = ""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> CaseRow:
        """From what :meth:`as_dict` gave."""
        return cls(**content)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def failed_row(case: str, images: list[str], error: BaseException) -> CaseRow:
    """The row of a case that gave no mask."""
    if isinstance(error, DataError):
        problem = "\n".join(map(str, error.findings))
    elif isinstance(error, MemoryError) or "not enough memory" in str(error).lower():
        remedy = "Memory was too short: crop the image, or run with --num-workers 0 --batch-size 1."
        problem = f"{images[0]}: {remedy} ({_reason(error)})"
    else:
        problem = f"{images[0]}: was not segmented ({_reason(error)}). The log has the details."
    return CaseRow(case, FAILED, images, problem=problem)


def _reason(error: BaseException) -> str:
    """What an error says; its kind where it says nothing."""
    return root_cause(error).removesuffix(": ")


def row_of(case: str, images: list[str], result: Segmentation) -> CaseRow:
    """The row of a case that gave a mask."""
    return CaseRow(
        case,
        DONE,
        images,
        warnings=[_shown(warning) for warning in result.warnings],
        shape=list(result.volume.shape),
        spacing_mm=[round(value, 6) for value in result.volume.spacing],
        volumes_ml=result.volumes_ml,
        cut_off=_cut_off(result),
        seconds=dict(result.seconds),
    )


def _shown(warning: Finding) -> str:
    return f"{warning.problem} {warning.remedy}"


def _cut_off(result: Segmentation) -> list[str]:
    """Classes in the outermost voxels of an axis that has more than one."""
    mask, found = result.mask, set()
    for axis in range(3):
        if mask.shape[axis] > 1:
            for end in (0, -1):
                found.update(np.unique(np.take(mask, end, axis)).tolist())
    return [name for number, name in enumerate(result.class_names, 1) if number in found]
