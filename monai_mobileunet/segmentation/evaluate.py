"""Cases with references: segmented where that is wanted, compared, reported."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from monai_mobileunet.data import DataError, Finding, case_name, find_images
from monai_mobileunet.data.cases import Case, by_case_name
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.evaluation import CaseFiles, CaseResult, Evaluation, compare_case
from monai_mobileunet.segmentation.plan import plan_cases
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["evaluate_folder", "segment_cases"]

logger = logging.getLogger(__name__)
Note = Callable[[str], None]


def segment_cases(
    segmenter: Segmenter, cases: Sequence[Case], output: Path, note: Note = lambda name: None
) -> dict[str, str]:
    """Segment cases, one after the other; one that fails does not stop the others.

    Args:
        segmenter: of the bundle.
        cases: ``{"image": path, …}`` each.
        output: folder of the masks, in subfolders as the images lie in theirs.
        note: called with the name of each case when it is done.

    Returns:
        For each case that failed: its name, and why.

    Raises:
        DataError: two cases of one name, or a mask that would take the place of a file of the cases.
    """
    by_case_name(Path(case["image"]) for case in cases)
    files = {Path(path).resolve() for case in cases for path in case.values()}
    problems = {}
    for planned in plan_cases([Path(case["image"]) for case in cases], output).cases:
        mask = planned.outputs[0]
        if mask.resolve() in files:
            raise DataError([Finding(str(mask), "the mask would take its place.", "Name another folder.")])
        image = planned.images[0]
        started = time.perf_counter()
        try:
            result = segmenter(image)
            for warning in result.warnings:
                logger.warning("%s", warning)
            result.save(mask)
            logger.info("%s segmented in %.2f s", image, time.perf_counter() - started)
        except Exception as error:  # any, since no case may stop the others; it is logged, reported and counted
            logger.exception("%s was not segmented", image)
            told = isinstance(error, DataError)
            problems[case_name(image)] = str(error) if told else f"{image}: was not segmented ({root_cause(error)})."
        note(case_name(image))
    return problems


def evaluate_folder(
    title: str,
    cases: Sequence[Case],
    preds: Path,
    class_names: Sequence[str],
    tolerance: float = 1.0,
    problems: dict[str, str] | None = None,
    note: Note = lambda name: None,
) -> Evaluation:
    """Compare the segmentations in a folder with the references of cases.

    Args:
        title: of the report.
        cases: ``{"image": path, "label": path}`` each.
        preds: folder of the segmentations, searched with its subfolders for files named as the images are.
        class_names: of the classes from 1 on.
        tolerance: of the surface Dice, mm.
        problems: what is known to be wrong already, by the name of the case.
        note: called with the name of each case when it is done.

    Raises:
        DataError: no such folder, nothing in it (without ``problems`` that would explain it), two segmentations of
            one name, or two cases.
    """
    by_case_name(Path(case["image"]) for case in cases)
    found = _masks(preds)
    if not found and not problems:
        problem = "no masks in it." if preds.is_dir() else "no such folder."
        raise DataError([Finding(str(preds), problem, "Name the folder of the segmentations.")])
    results = []
    for case in cases:
        name = case_name(case["image"])
        pred = found.get(name) or found.get(name.removesuffix("_0000")) or preds / f"{name}.nii.gz"
        files = CaseFiles(name, Path(case["label"]), pred, Path(case["image"]))
        known = (problems or {}).get(name)
        results.append(
            CaseResult(files, problem=known) if known else compare_case(files, len(class_names) + 1, tolerance)
        )
        note(name)
    return Evaluation(title, tuple(class_names), tolerance, tuple(results))


def _masks(folder: Path) -> dict[str, Path]:
    """The images in a folder and below it, by name; none where there is no folder."""
    try:
        images = find_images(folder, include_masks=True)
    except DataError:
        return {}
    return by_case_name(Path(entry["image"]) for entry in images)
