"""What came of a case, put into its record: a mask and what is to be known of it, or why there is none."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.data import DataError
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.segmentation.segmenter import Segmentation

__all__ = ["done_record", "failed_record", "log_line"]


def done_record(record: CaseRecord, result: Segmentation) -> CaseRecord:
    """The record of a case that gave a mask, which is still to be written."""
    return replace(
        _without_outcome(record),
        state=CaseState.DONE,
        warnings=[f"{warning.problem} {warning.remedy}" for warning in result.warnings],
        shape=list(result.volume.shape),
        spacing_mm=[round(value, 6) for value in result.volume.spacing],
        volumes_ml=result.volumes_ml,
        cut_off=_cut_off(result),
        seconds=dict(result.seconds),
    )


def failed_record(record: CaseRecord, error: BaseException) -> CaseRecord:
    """The record of a case that gave no mask."""
    image = record.images[0]
    reason = root_cause(error).removesuffix(": ")  # of an error without words its kind is left
    if isinstance(error, DataError):
        problem = "\n".join(map(str, error.findings))
    elif isinstance(error, MemoryError) or "not enough memory" in str(error).lower():
        remedy = "Memory was too short: crop the image, or type mobileunet segment with --num-workers 0 --batch-size 1."
        problem = f"{image}: {remedy} ({reason})"
    else:
        problem = f"{image}: was not segmented ({reason}). The log has the details."
    return replace(_without_outcome(record), state=CaseState.FAILED, problem=problem)


def log_line(record: CaseRecord) -> tuple[int, str, str, str]:
    """How a case ended, as the arguments of :meth:`logging.Logger.log`."""
    if record.problem:
        return logging.ERROR, "%s: %s", record.name, record.problem
    total = f"done in {sum(record.seconds.values()):.2f} s"
    return logging.INFO, "%s: %s", record.name, "; ".join([total, *record.warnings])


def _without_outcome(record: CaseRecord) -> CaseRecord:
    """The case as it was read, without what earlier runs made of it."""
    return CaseRecord(
        record.name, record.images, record.outputs, record.label, settings=record.settings, inputs=record.inputs
    )


def _cut_off(result: Segmentation) -> list[str]:
    """Classes in the outermost voxels of an axis that has more than one."""
    mask, found = result.mask, set()
    for axis in range(3):
        if mask.shape[axis] > 1:
            for end in (0, -1):
                found.update(np.unique(np.take(mask, end, axis)).tolist())
    return [name for number, name in enumerate(result.class_names, 1) if number in found]
