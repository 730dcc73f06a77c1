"""Cases with references: segmented where that is wanted, compared, reported; what is done is not done again."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.datasets.cases import Case
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.data.writing import output_lost
from monai_mobileunet.evaluation import (
    CaseFiles,
    CaseResult,
    ClassResult,
    Evaluation,
    Masks,
    Outcome,
    compare_case,
    pair_masks,
)
from monai_mobileunet.segmentation.case_files import file_states, hash_file
from monai_mobileunet.segmentation.guard import OutputError
from monai_mobileunet.segmentation.journal import Journal, Record, settings_key
from monai_mobileunet.segmentation.plan import STATE, PlannedCase, plan_cases
from monai_mobileunet.segmentation.request import split_names
from monai_mobileunet.segmentation.rows import DONE
from monai_mobileunet.segmentation.segmenter import Segmenter
from monai_mobileunet.segmentation.session import VOXEL_FREE

__all__ = ["evaluate_folder", "open_journal", "segment_cases", "segmenting_key"]

logger = logging.getLogger(__name__)
Note = Callable[[str], None]


def open_journal(output: Path) -> Journal:
    """What earlier evaluations into a folder have finished; opened, it keeps others out.

    Raises:
        DataError: another evaluation has it open.
        OSError: the folder cannot be written to.
    """
    return Journal(output / STATE / "evaluation.jsonl")


def segmenting_key(bundle: Bundle, changed: Mapping[str, Any]) -> str:
    """A short name of all that decides about the voxels of a bundle's masks.

    Args:
        bundle: with its weights.
        changed: entries of its ``inference.json`` that are not as they stand there.

    Raises:
        FileNotFoundError: no weights.
    """
    if not bundle.weights.is_file():
        raise FileNotFoundError(f"{bundle.weights}: no weights. Train the bundle first, or name a file with --weights.")
    configs = {name: hash_file(bundle.folder / "configs" / name) for name in ("inference.json", "metadata.json")}
    voxels = {key: value for key, value in changed.items() if key not in VOXEL_FREE}
    weights = hash_file(bundle.weights)
    return settings_key(
        {"version": monai_mobileunet.__version__, "weights": weights, "configs": configs, "changed": voxels}
    )


def segment_cases(
    segmenter: Segmenter,
    cases: Sequence[Case],
    output: Path,
    note: Note = lambda name: None,
    journal: Journal | None = None,
    settings: str = "",
) -> dict[str, str]:
    """Segment cases, one after the other; one that fails does not stop the others.

    Args:
        segmenter: of the bundle.
        cases: ``{"image": path, …}`` each.
        output: folder of the masks, in subfolders as the images lie in theirs.
        note: called with the name of each case when it is done.
        journal: of what is finished; cases whose masks are there, of these settings, are left alone.
        settings: of the bundle, see :func:`segmenting_key`.

    Returns:
        For each case that failed: its name, and why.

    Raises:
        DataError: two cases with one mask, or a mask that would take the place of a file of the cases.
        OutputError: nothing can be written any more.
    """
    named = {image_files(case)[0].absolute(): case for case in cases}
    files = {path.resolve() for case in cases for path in _files(case)}
    problems = {}
    planned = [
        replace(found, name=name_of(named[found.images[0]]), images=image_files(named[found.images[0]]))
        for found in plan_cases(list(named), output).cases
    ]
    for case in planned:
        if case.outputs[0].resolve() in files:
            raise DataError([Finding(str(case.outputs[0]), "the mask would take its place.", "Name another folder.")])
    if journal is not None:
        _refuse_foreign(planned, output, journal)
    for case in planned:
        known = journal.records.get(case.name) if journal else None
        if known is None or not known.still_holds(case, settings, output):
            problem = _segmented(segmenter, case, output, journal, settings)
            if problem:
                problems[case.name] = problem
        note(case.name)
    return problems


def _refuse_foreign(planned: Sequence[PlannedCase], output: Path, journal: Journal) -> None:
    """Masks that no evaluation has written, or that were corrected since, are not replaced."""
    findings = []
    for case in planned:
        record, mask = journal.records.get(case.name), case.outputs[0]
        ours = record is not None and (record.begun or record.wrote(mask, output))
        if os.path.lexists(mask) and not ours:
            problem = "is there, and no evaluation has written it, or it was changed since."
            remedy = f"Type --pred {output} to measure the masks as they are, or move it away."
            findings.append(Finding(str(mask), problem, remedy))
    if findings:
        raise DataError(findings)


def _files(case: Case) -> list[Path]:
    return [*image_files(case), *([Path(case["label"])] if "label" in case else [])]


def _segmented(segmenter: Segmenter, case: PlannedCase, output: Path, journal: Journal | None, settings: str) -> str:
    """Segment a case; why that failed, empty if it did not."""
    started = time.perf_counter()
    image, mask, states = case.images[0], case.outputs[0], file_states(case.images)
    if journal is not None:  # in hand: killed before its record is written, its mask is known as this program's
        _keep(journal, Record(case.name, settings, begun=1))
    try:
        result = segmenter(image if len(case.images) == 1 else case.images)
        for warning in result.warnings:
            logger.warning("%s", warning)
        try:
            result.save(mask)
        except OSError as error:
            if output_lost(error, output):
                raise OutputError(f"{error.filename or mask}: cannot be written ({error.strerror}).") from error
            raise
        logger.info("%s segmented in %.2f s", image, time.perf_counter() - started)
        if journal is not None:
            outputs = {mask.relative_to(output).as_posix(): hash_file(mask)}
            _keep(journal, Record(case.name, settings, states, outputs, {"status": DONE}))
    except OutputError:
        raise
    except Exception as error:  # any, since no case may stop the others; it is logged, reported and counted
        logger.exception("%s was not segmented", image)
        return str(error) if isinstance(error, DataError) else f"{image}: was not segmented ({root_cause(error)})."
    return ""


def evaluate_folder(
    title: str,
    cases: Sequence[Case],
    preds: Path,
    class_names: Sequence[str],
    tolerance: float = 1.0,
    problems: dict[str, str] | None = None,
    note: Note = lambda name: None,
    journal: Journal | None = None,
) -> Evaluation:
    """Compare the segmentations in a folder with the references of cases.

    Args:
        title: of the report.
        cases: ``{"image": path, "label": path}`` each.
        preds: folder of the segmentations, searched with its subfolders for files named as the images are, or for
            folders with a file for each class.
        class_names: of the classes from 1 on.
        tolerance: of the surface Dice, mm.
        problems: what is known to be wrong already, by the name of the case.
        note: called with the name of each case when it is done.
        journal: of what is measured; cases whose files have not changed since are not measured again.

    Raises:
        DataError: no such folder, or nothing in it (without ``problems`` that would explain it).
        OutputError: the journal cannot be written any more.
    """
    found = pair_masks(cases, preds, split_names(class_names))
    if not any(masks.files or masks.problem for masks in found.values()) and not problems:
        names = ", ".join(list(found)[:3])
        problem = f"no masks in it with the names of cases, such as {names}." if preds.is_dir() else "no such folder."
        raise DataError([Finding(str(preds), problem, "Name the folder of the segmentations.")])
    key = settings_key(
        {"version": monai_mobileunet.__version__, "classes": list(class_names), "tolerance": float(tolerance)}
    )
    results = []
    for case in cases:
        name = name_of(case)
        masks = found[name]
        files = _case_files(case, masks, preds)
        problem = (problems or {}).get(name) or masks.problem
        known = CaseResult(files, problem=problem) if problem else _measured_before(files, journal, key)
        if known is None:
            known = _measured(files, class_names, tolerance, journal, key)
        results.append(known)
        note(name)
    return Evaluation(title, tuple(class_names), tolerance, tuple(results))


def _case_files(case: Case, masks: Masks, preds: Path) -> CaseFiles:
    several = len(masks.files) > 1
    missing = preds / f"{name_of(case)}.nii.gz"
    pred = masks.files[0].parent if several else masks.files[0] if masks.files else missing
    label, image = Path(case["label"]), image_files(case)[0]
    return CaseFiles(name_of(case), label, pred, image, masks.files if several else ())


def _measured(
    files: CaseFiles, class_names: Sequence[str], tolerance: float, journal: Journal | None, key: str
) -> CaseResult:
    states = file_states([files.label, *files.masks])
    result = compare_case(files, len(class_names) + 1, tolerance)
    if journal is not None and not result.problem:
        known = journal.records.get(files.name, Record(files.name, ""))
        row = {**known.row, "measured": key, "classes": [asdict(one) for one in result.classes]}
        _keep(journal, replace(known, row=row, reference=states))
    return result


def _measured_before(files: CaseFiles, journal: Journal | None, key: str) -> CaseResult | None:
    """The result of an earlier evaluation, if it still holds."""
    record = journal.records.get(files.name) if journal else None
    if record is None or record.row.get("measured") != key:
        return None
    if record.reference != file_states([files.label, *files.masks]):
        return None
    classes = (ClassResult(**{**one, "outcome": Outcome(one["outcome"])}) for one in record.row["classes"])
    return CaseResult(files, tuple(classes))


def _keep(journal: Journal, record: Record) -> None:
    try:
        journal.write(record)
    except OSError as error:
        raise OutputError(f"{journal.path}: cannot be written ({error.strerror}).") from error
