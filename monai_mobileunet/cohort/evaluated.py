"""An evaluation as it lies in its folder: its classes, and the records of its cases."""

from __future__ import annotations

from pathlib import Path

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.journal import read_records
from monai_mobileunet.cohort.plan import COMPARISON, EVALUATION, STATE
from monai_mobileunet.data.datasets.listing import read_json
from monai_mobileunet.data.errors import refusal

__all__ = ["is_evaluation", "read_evaluation"]

RESULTS = "results.json"


def is_evaluation(folder: Path) -> bool:
    """Whether ``mobileunet evaluate`` has written its report into a folder."""
    return (folder / RESULTS).is_file() and any((folder / STATE / name).is_file() for name in (EVALUATION, COMPARISON))


def read_evaluation(folder: Path) -> tuple[tuple[str, ...], list[CaseRecord]]:
    """Read what the last evaluation into a folder has measured.

    Args:
        folder: the output of ``mobileunet evaluate``.

    Returns:
        The names of the classes from 1 on, and the record of each case of the report.

    Raises:
        DataError: ``results.json`` is none of an evaluation, or no case of it is on record.
    """
    path = folder / RESULTS
    content = read_json(path)
    try:
        class_names = tuple(str(one["name"]) for one in content["classes"])
        names = [str(case["name"]) for case in content["cases"]]
    except (TypeError, KeyError) as error:
        problem = f"is no report of an evaluation ({type(error).__name__}: {error})."
        raise refusal(path, problem, "Type the command of the evaluation again, which writes it.") from error
    known = read_records(folder / STATE / EVALUATION) | read_records(folder / STATE / COMPARISON)
    records = [known[name] for name in names if name in known]
    if not records:
        raise refusal(path, "names no case that is on record.", "Type the command of the evaluation again.")
    return class_names, records
