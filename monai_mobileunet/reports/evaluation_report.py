"""An evaluation as files: a table of cases, a table of classes, one JSON file, and a page to look at."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import numpy as np

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.data.names import PICTURES_IN_PIXELS, is_picture
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.data.volume import Volume, same_grid
from monai_mobileunet.evaluation.comparison import WHOLE, Annotation
from monai_mobileunet.evaluation.masks import read_classes, read_reference
from monai_mobileunet.evaluation.results import Outcome
from monai_mobileunet.evaluation.summary import FEWEST, ClassSummary, metrics_in
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.reports.case_table import CaseTable, Column, compared_columns, metric_columns
from monai_mobileunet.reports.evaluation import Evaluation
from monai_mobileunet.reports.evaluation_tables import case_table, class_table, evaluation_json
from monai_mobileunet.reports.page import csv_text, data_uri, render_pieces, write_reports
from monai_mobileunet.reports.pictures import draw_agreement, draw_distributions, draw_overlay
from monai_mobileunet.reports.sizes import size_kinds
from monai_mobileunet.reports.slices import CONTOURS, CONVENTION, in_ras, shown_values, spacing_ras, to_ras
from monai_mobileunet.review import find_verdicts
from monai_mobileunet.wording import counted, same_texts

__all__ = ["draw_case", "signed_form", "worst_cases", "write_report"]

logger = logging.getLogger(__name__)


def worst_cases(evaluation: Evaluation, count: int) -> list[CaseRecord]:
    """The cases with the lowest mean Dice, lowest first; a class drawn where there is none counts as 0."""

    def score(case: CaseRecord) -> float:
        dice = [0.0 if r.outcome is Outcome.FALSE_POSITIVE else r.dice for r in case.classes]
        known = [value for value in dice if value is not None]
        return float(np.mean(known)) if known else 1.0

    return sorted(evaluation.measured, key=score)[:count]


def write_report(evaluation: Evaluation, folder: Path, worst: int = 6) -> list[Path]:
    """Write ``cases.csv``, ``classes.csv``, ``results.json`` and ``report.html``, each whole or not at all.

    The page holds its pictures, so that it can be sent as one file. They show what is in the images.

    Args:
        evaluation: what to tell.
        folder: where to, made if it does not exist.
        worst: how many of the worst cases are pictured.

    Returns:
        The files.
    """
    summaries = evaluation.summaries
    contents = {
        "cases.csv": lambda: csv_text(*case_table(evaluation)),
        "classes.csv": lambda: csv_text(*class_table(evaluation, summaries)),
        "results.json": lambda: json.dumps(evaluation_json(evaluation, summaries), indent=2, allow_nan=False) + "\n",
        "report.html": lambda: _page(evaluation, summaries, worst, folder),
    }
    return write_reports(folder, contents)


def _page(evaluation: Evaluation, summaries: Sequence[ClassSummary], worst: int, folder: Path) -> Iterator[str]:
    measured = evaluation.measured
    pictures = {}
    if measured:
        about = (evaluation.class_names, measured, evaluation.colours)
        metrics = metrics_in(evaluation.in_pixels)
        pictures["distributions"] = data_uri(draw_distributions(*about, metrics), "png")
        pictures["agreement"] = data_uri(draw_agreement(*about, evaluation.size), "png")
    shown = []
    for case in worst_cases(evaluation, worst):
        picture, problem = draw_case(
            case,
            evaluation.class_names,
            annotation=evaluation.annotation,
            drawn_names=evaluation.drawn_names,
            colours=evaluation.colours,
        )
        shown.append({"case": case, "picture": data_uri(picture, "webp") if picture else "", "problem": problem})
    verdicts, odd = find_verdicts(folder)
    table = CaseTable(
        evaluation.cases,
        evaluation.names,
        _columns(evaluation),
        verdicts,
        lambda case: "",
        evaluation.colours or colours_of(len(evaluation.class_names)),
        attrgetter("trouble"),
    )
    return render_pieces(
        "evaluation.html",
        evaluation=evaluation,
        table=table,
        counts=table.counts,
        cases=counted(len(evaluation.cases), "case"),
        odd=odd,
        pixels=PICTURES_IN_PIXELS if evaluation.in_pixels else "",
        problems=same_texts((case.name, case.trouble) for case in evaluation.problems),
        fewest=FEWEST,
        summaries=list(zip(summaries, map(evaluation.agreement, summaries), evaluation.made_of, strict=True)),
        signed=signed_form(evaluation, summaries),
        intervals=any(one and one.limits for one in map(evaluation.agreement, summaries)),
        metrics=metrics_in(evaluation.in_pixels),
        pictures=pictures,
        worst=shown,
        orientation=f"{CONTOURS} {'' if evaluation.in_pixels else CONVENTION}",
    )


def signed_form(evaluation: Evaluation, summaries: Sequence[ClassSummary]) -> str:
    """Format of all differences of sizes: as many digits as the largest one needs."""
    known = list(filter(None, map(evaluation.agreement, summaries)))
    largest = max((max(abs(one.min), abs(one.max)) for one in known), default=0.0)
    return f"%+.{evaluation.size.digits_for(largest)}f"


def _columns(evaluation: Evaluation) -> list[Column]:
    kinds = size_kinds(evaluation.measured)
    return [
        *compared_columns(kinds, {"pred": ""}, ["pred"]),
        *metric_columns(metrics_in(evaluation.in_pixels)),
        *compared_columns(kinds, {"label": "reference ", "bias": "bias of "}),
    ]


def draw_case(
    case: CaseRecord,
    class_names: Sequence[str],
    title: str = "",
    annotation: Annotation = WHOLE,
    drawn_names: Sequence[str] = (),
    colours: Sequence[Colour] = (),
) -> tuple[bytes | None, str]:
    """Slices of a case where segmentation and reference differ most.

    Args:
        case: compared with its reference.
        class_names: names of the classes from 1 on.
        title: above the picture; by default the name of the case.
        annotation: what the reference does not say; nothing is drawn there.
        drawn_names: of the classes in references that are DICOM SEG or RTSTRUCT; by default those of the classes.
        colours: of the classes from 1 on; by default those of the palette.

    Returns:
        A WebP file, or ``None`` if it cannot be drawn; and what is wrong with the image, in words, if anything is.
    """
    num_classes = len(class_names) + 1
    try:
        pred = read_classes(case.masks, num_classes)
        label, _ = read_reference(case.label or Path(), pred, drawn_names or class_names)
        unknown = annotation.unknown(label, num_classes)
        dtype = pred.values.dtype  # of a label, floats are whole numbers, and no index of a colour
        label, pred = (replace(one, values=np.where(unknown, 0, one.values).astype(dtype)) for one in (label, pred))
        image, problem = _shown_image(case.images[0] if case.images else None, label)
        drawn, true = (to_ras(values, label.affine) for values in (pred.values, label.values))
        differing = drawn != true
        at, spacing = differing if differing.any() else true, spacing_ras(label.affine)
        picture = draw_overlay(
            image, drawn, class_names, spacing, true, title or case.name, at, colours, not is_picture(case.label or "")
        )
        return picture, problem
    except Exception as error:  # any, since the case is measured all the same; it is logged and said
        logger.exception("%s cannot be shown", case.name)
        return None, f"It cannot be shown ({root_cause(error)})."


def _shown_image(path: Path | None, label: Volume) -> tuple[np.ndarray, str]:
    """Intensities behind the masks with RAS axes, nothing where the image is of no use, and then why."""
    grid = in_ras(label)
    nothing = np.zeros(grid.shape, np.float32)
    if path is None:
        return nothing, ""
    try:
        volume = in_ras(read_volume(path))
        if not same_grid(volume, grid):
            raise ValueError("its voxels lie elsewhere than those of its label, by shape or affine")
        return shown_values(volume).astype(np.float32), ""
    except (ValueError, OSError, MemoryError) as error:  # the case is measured, so its masks are shown alone
        return nothing, f"{path} cannot be shown: {error}"
