"""Cases with references: segmented where that is wanted, and compared; what is done is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.cohort.compare import compare_cases
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.options import split_names
from monai_mobileunet.cohort.pairing import Paired, pair_files
from monai_mobileunet.cohort.plan import COMPARISON, STATE, plan_dataset
from monai_mobileunet.cohort.run import carry_out, claim, prepare
from monai_mobileunet.data.datasets.cases import Case
from monai_mobileunet.data.datasets.naming import image_files, name_of
from monai_mobileunet.data.datasets.regions import NO_REGIONS, Regions
from monai_mobileunet.data.errors import list_some, refusal
from monai_mobileunet.data.label_files import known_colours
from monai_mobileunet.evaluation import TOLERANCE, WHOLE, Annotation
from monai_mobileunet.palette import Colour
from monai_mobileunet.reports.evaluation import Evaluation
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["evaluate_cases", "find_masks", "open_journal", "segment_dataset"]

SEGMENTED = "segmented"
"""Folder of the masks that an evaluation makes, in its output."""

Show = Callable[[CaseRecord], None]


@contextmanager
def _silent(doing: str, total: int) -> Iterator[Show]:
    yield lambda record: None


def evaluate_cases(
    title: str,
    cases: Sequence[Case],
    class_names: Sequence[str],
    output: Path,
    preds: Path | None = None,
    bundle: Bundle | None = None,
    changed: Mapping[str, Any] | None = None,
    tolerance: float = TOLERANCE,
    progress: Callable[[str, int], AbstractContextManager[Show]] = _silent,
    annotation: Annotation = WHOLE,
    regions: Regions = NO_REGIONS,
    drawn_names: Sequence[str] = (),
    partial: bool = False,
) -> Evaluation:
    """Compare segmentations with references: those in a folder, or those that a bundle makes of the images.

    Args:
        title: title of the report.
        cases: ``{"image": path, "label": path}`` each.
        class_names: names of the classes from 1 on.
        output: folder for what is kept of it, so that it can go on where it was; masks go into its ``segmented``.
        preds: folder of segmentations that are there already; ``None`` to let the bundle make them.
        bundle: with ``changed`` in it already.
        changed: entries of ``inference.json`` that are not as they stand there.
        tolerance: tolerance of the surface Dice, in mm.
        progress: given what is done and to how many cases, a context with a function for the record of each.
        annotation: what the references do not say.
        regions: unions of classes that are measured beside these.
        drawn_names: of the classes in references that are DICOM SEG or RTSTRUCT; by default those of the classes.
        partial: whether cases without a segmentation in ``preds`` are left out.

    Raises:
        DataError: no segmentations, or none for some cases; masks in the way of the bundle's; or a folder that another
            run has.
        FileNotFoundError: the bundle has no weights.
        OutputError: nothing can be written any more.
    """
    if preds is not None:
        journal = open_journal(output)
        with journal:
            records, missing = find_masks(cases, preds, class_names, journal.records, partial)
            compared = _compared(
                title, records, class_names, tolerance, journal, progress, annotation, regions, drawn_names
            )
            return replace(compared, colours=_colours(bundle, preds, class_names), missing=missing)
    if bundle is None:
        raise ValueError("Name a folder of segmentations, or a bundle that makes them.")
    with progress("segmenting", len(cases)) as show:
        records, journal = segment_dataset(bundle, cases, output / SEGMENTED, output, changed, show)
    with journal:
        compared = _compared(
            title, records, class_names, tolerance, journal, progress, annotation, regions, drawn_names
        )
        return replace(compared, colours=_colours(bundle, output, class_names))


def _compared(
    title: str,
    records: Sequence[CaseRecord],
    class_names: Sequence[str],
    tolerance: float,
    journal: Journal,
    progress: Callable[[str, int], AbstractContextManager[Show]],
    annotation: Annotation,
    regions: Regions,
    drawn_names: Sequence[str],
) -> Evaluation:
    with progress("measuring", len(records)) as show:
        compared = compare_cases(records, class_names, tolerance, journal, show, annotation, regions, drawn_names)
    return Evaluation(title, tuple(class_names), tolerance, tuple(compared), annotation, regions, tuple(drawn_names))


def _colours(bundle: Bundle | None, masks: Path, class_names: Sequence[str]) -> tuple[Colour, ...]:
    """The colours that the pictures of a run have in which the masks were made; none for those of the palette."""
    own = bundle.colours if bundle is not None else known_colours(masks, class_names)
    return own if len(own) == len(class_names) else ()


def open_journal(output: Path) -> Journal:
    """What earlier comparisons of masks into a folder have finished; opened, it keeps others out.

    Raises:
        DataError: another evaluation has it open.
        OSError: the folder cannot be written to.
    """
    return Journal(output / STATE / COMPARISON)


def segment_dataset(
    bundle: Bundle,
    cases: Sequence[Case],
    masks: Path,
    beside: Path | None = None,
    changed: Mapping[str, Any] | None = None,
    show: Show = lambda record: None,
) -> tuple[list[CaseRecord], Journal]:
    """Segment the cases of a data set whose masks are not there yet.

    Args:
        bundle: the bundle, with ``changed`` in it already.
        cases: ``{"image": path, "label": path}`` each.
        masks: folder of the masks, in subfolders as the images lie in theirs.
        beside: folder for what the run keeps beside the masks; by default that of the masks.
        changed: entries of ``inference.json`` that are not as they stand there.
        show: called with the record of each case that has ended, now or before.

    Returns:
        The record of each case, in their order, and the journal, which is to be closed.

    Raises:
        DataError: two cases with one mask, a mask in the place of another file, or a folder that another run has.
        FileNotFoundError: the bundle has no weights.
        OutputError: nothing can be written any more.
    """
    run = prepare(bundle, plan_dataset(cases, masks, beside or masks), changed or {})
    segmenter = Segmenter(bundle)
    segmenter.load_runtime()
    journal, run = claim(run, f"Type --pred {masks} to measure the masks as they are, or move it away.")
    try:
        for record in run.standing.finished.values():
            show(record)
        carry_out(run, segmenter, journal, pictures=False, show=show)
    except BaseException:
        journal.__exit__()
        raise
    return [journal.records[case.name].planned_as(case) for case in run.plan.cases], journal


def find_masks(
    cases: Sequence[Case],
    preds: Path,
    class_names: Sequence[str],
    known: Mapping[str, CaseRecord],
    partial: bool = False,
) -> tuple[list[CaseRecord], tuple[str, ...]]:
    """The segmentations of cases that are there already.

    Args:
        cases: ``{"image": path, "label": path}`` each.
        preds: folder of the segmentations, searched with its subfolders for files named as the images are, or for
            folders with a file for each class.
        class_names: names of the classes from 1 on.
        known: records of earlier comparisons, by the name of the case.
        partial: whether cases without a segmentation are left out.

    Returns:
        The records of the cases with a segmentation, and the names of those without.

    Raises:
        DataError: no such folder, nothing in it, or not all where it is not partial.
    """
    planned = [CaseRecord(name_of(case), image_files(case), label=Path(case["label"])) for case in cases]
    paired = pair_files(planned, preds, split_names(class_names))
    missing = tuple(name for name, found in paired.items() if not (found.files or found.problem))
    some = list_some(missing, 3, " and {} more")
    if len(missing) == len(paired):
        problem = f"no masks in it with the names of cases, such as {some}." if preds.is_dir() else "no such folder."
        raise refusal(preds, problem, "Name the folder of the segmentations.")
    if missing and not partial:
        problem = f"has no segmentation for {len(missing)} of {len(planned)} references, such as {some}."
        raise refusal(preds, problem, "Add them, or type --partial to evaluate the others.")
    there = [case for case in planned if case.name not in set(missing)]
    return [_with_masks(case, paired[case.name], known.get(case.name)) for case in there], missing


def _with_masks(case: CaseRecord, found: Paired, known: CaseRecord | None) -> CaseRecord:
    state = CaseState.FAILED if found.problem else CaseState.DONE
    comparison = known.comparison if known else None
    problem = str(found.problem or "")
    return replace(case, outputs=found.files, state=state, problem=problem, comparison=None if problem else comparison)
