"""What lies at a path that a user names: a run, an evaluation, a data set, or images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.evaluated import is_evaluation, read_evaluation
from monai_mobileunet.cohort.journal import read_records
from monai_mobileunet.cohort.pairing import pair_files
from monai_mobileunet.cohort.plan import STATE, plan_run
from monai_mobileunet.cohort.report import FACTS, make_report, read_facts
from monai_mobileunet.data.datasets.cases import find_all_cases, is_training_set
from monai_mobileunet.data.datasets.class_names import named_classes
from monai_mobileunet.data.datasets.described import numbered_names
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.label_files import known_colours
from monai_mobileunet.viewing.shown import Shown, ShownCase

__all__ = ["find_shown"]


def find_shown(path: Path, masks: Path | None = None, labels: Path | None = None, review: Path | None = None) -> Shown:
    """Find what a page is to show.

    Args:
        path: the output folder of a run or of an evaluation, a data set with labels, a folder of images, or one image.
        masks: the segmentation of the only image, or a folder of segmentations that are named as the images are.
        labels: the same for references.
        review: folder of the table of verdicts; by default the folder of a run or of an evaluation, and none for
            anything else.

    Raises:
        DataError: nothing at the path can be shown, or a mask is missing or could be that of several images.
        OSError: the folder cannot be read.
    """
    if path.is_dir() and masks is None and labels is None:
        if (path / STATE / FACTS).is_file():
            return _run(path, review or path)
        if is_evaluation(path):
            return _evaluation(path, review or path)
        if is_training_set(path):
            return _dataset(path, review)
    return _images(path, masks, labels, review)


def _run(folder: Path, review: Path) -> Shown:
    facts = read_facts(folder)
    report = make_report(facts, read_records(folder / STATE / facts.journal), folder)
    cases = tuple(ShownCase.of_record(_with_masks_in(row, folder)) for row in report.rows)
    if not cases:
        remedy = "Wait for the first case, and type the command again."
        raise refusal(folder, "holds a run of which no case has ended.", remedy)
    return Shown(str(folder), "run", facts.class_names, cases, review, facts.colours)


def _with_masks_in(record: CaseRecord, folder: Path) -> CaseRecord:
    """The record with the masks in this folder: a run may have been moved or copied, or be looked at from elsewhere."""
    places = {Path(place).name: folder / place for place in record.written if (folder / place).exists()}
    outputs = (places.get(path.name, path) for path in record.outputs)
    return replace(record, outputs=tuple(outputs))


def _evaluation(folder: Path, review: Path) -> Shown:
    class_names, records = read_evaluation(folder)
    cases = tuple(map(ShownCase.of_record, records))
    return Shown(str(folder), "evaluation", class_names, cases, review, known_colours(folder, class_names))


def _dataset(folder: Path, review: Path | None) -> Shown:
    names = numbered_names(folder)
    listed = tuple(names.get(number, f"class {number}") for number in range(1, max(names, default=0) + 1))
    cases = (ShownCase(name_of(case), image_files(case), label=Path(case["label"])) for case in find_all_cases(folder))
    return Shown(str(folder), "data set", listed, tuple(cases), review)


def _images(path: Path, masks: Path | None, labels: Path | None, review: Path | None) -> Shown:
    """Images, with masks and references if these are named."""
    folders = [given if given.is_dir() else given.parent for given in (masks, labels) if given]
    folder = folders[0] if folders else None
    inner = [one.resolve() for one in folders if path.resolve() in one.resolve().parents]  # what lies there is no image
    found = plan_run(path, path / STATE).cases
    planned = [
        CaseRecord(case.name, case.images)
        for case in found
        if not any(case.images[0].resolve().is_relative_to(one) for one in inner)
    ]
    drawn, true = _paired(planned, masks), _paired(planned, labels)
    cases = [
        ShownCase(case.name, case.images, drawn.get(case.name, ()), next(iter(true.get(case.name, ())), None))
        for case in planned
    ]
    names = named_classes(folder) if folder else ()
    colours = known_colours(folder, names) if folder else ()
    return Shown(str(path), "images", names, tuple(cases), review, colours)


def _paired(records: list[CaseRecord], given: Path | None) -> dict[str, tuple[Path, ...]]:
    """The files that belong to images: the only one, or those in a folder."""
    if given is None:
        return {}
    if not given.exists():
        raise refusal(given, "no such file or folder.", "Name a mask, or a folder of masks.")
    if given.is_file():
        if len(records) > 1:
            problem = f"is one file; expected a folder, for there are {len(records)} images."
            raise refusal(given, problem, "Name the folder of the masks.")
        return {records[0].name: (given,)}
    paired = pair_files(records, given)
    if not any(found.files for found in paired.values()):
        problem = f"has no mask with the name of an image, such as {records[0].name}."
        raise refusal(given, problem, "Name the folder of the masks.")
    return {name: found.files for name, found in paired.items()}
