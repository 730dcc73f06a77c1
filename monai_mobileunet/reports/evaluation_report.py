"""An evaluation as files: a table of cases, a table of classes, one JSON file, and a page to look at."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data.datasets.regions import Regions
from monai_mobileunet.data.errors import list_some, root_cause
from monai_mobileunet.data.names import PICTURES_IN_PIXELS, is_picture
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.evaluation.comparison import WHOLE, Annotation, read_classes, read_reference
from monai_mobileunet.evaluation.metrics import Outcome
from monai_mobileunet.evaluation.summary import METRICS, ClassSummary, summarise
from monai_mobileunet.reports.page import NOTICE, csv_text, data_uri, now, render, write_reports
from monai_mobileunet.reports.pictures import draw_agreement, draw_distributions, draw_overlay
from monai_mobileunet.reports.slices import shown_values, spacing_ras, to_ras

__all__ = ["Evaluation", "draw_case", "worst_cases", "write_report"]

logger = logging.getLogger(__name__)

MADE_OF = "made_of"
"""Column and key for the numbers of the classes that a region is made of."""


@dataclass(frozen=True)
class Evaluation:
    """All that a report tells.

    Attributes:
        title: what was evaluated.
        class_names: of the classes from 1 on.
        tolerance: tolerance of the surface Dice, mm.
        cases: the record of each case.
        annotation: what the references do not say.
        regions: unions of classes that were measured beside these: numbers of the classes, by their name.
        drawn_names: of the classes in references that are DICOM SEG or RTSTRUCT; by default those of the classes.
        missing: names of the cases that were left out, for they have no segmentation.
    """

    title: str
    class_names: tuple[str, ...]
    tolerance: float
    cases: tuple[CaseRecord, ...]
    annotation: Annotation = WHOLE
    regions: Regions = field(default_factory=dict)
    drawn_names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def partly(self) -> str:
        """That some cases were left out, in words; empty if all were measured."""
        if not self.missing:
            return ""
        total = len(self.cases) + len(self.missing)
        some = list_some(self.missing, 3, " and {} more")
        return f"Partial: {len(self.missing)} of {total} references have no segmentation, such as {some}."

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, then of the regions."""
        return (*self.class_names, *self.regions)

    @property
    def measured(self) -> list[CaseRecord]:
        """The cases that were compared with their references."""
        return [case for case in self.cases if not case.trouble]

    @property
    def in_pixels(self) -> bool:
        """Whether references are pictures, which tell no mm."""
        return any(case.label is not None and is_picture(case.label) for case in self.cases)

    @property
    def problems(self) -> list[CaseRecord]:
        """The cases that could not be compared."""
        return [case for case in self.cases if case.trouble]

    @property
    def classes(self) -> list[ClassSummary]:
        """A summary for each class."""
        return summarise(self.class_names, [case.classes for case in self.measured])

    @property
    def summaries(self) -> list[ClassSummary]:
        """A summary for each class, then one for each region."""
        return summarise(self.names, [case.classes_and_regions for case in self.measured])

    @property
    def made_of(self) -> tuple[tuple[int, ...], ...]:
        """For each of :attr:`names` the numbers of the classes that the region is made of; none for a class."""
        return ((),) * len(self.class_names) + tuple(map(tuple, self.regions.values()))


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
        "cases.csv": lambda: csv_text(*_case_table(evaluation)),
        "classes.csv": lambda: csv_text(*_class_table(evaluation, summaries)),
        "results.json": lambda: json.dumps(_json(evaluation, summaries), indent=2, allow_nan=False) + "\n",
        "report.html": lambda: _page(evaluation, summaries, worst),
    }
    return write_reports(folder, contents)


def _case_table(evaluation: Evaluation) -> tuple[list[dict[str, Any]], list[str]]:
    rows: list[dict[str, Any]] = []
    for case in evaluation.cases:
        measured = zip(evaluation.names, _made_of(evaluation), case.classes_and_regions)
        for name, made_of, result in measured:
            values = {_column(m): getattr(result, m.attribute) for m in METRICS}
            volumes = {"pred_ml": result.pred_ml, "label_ml": result.label_ml, "bias_ml": result.bias_ml}
            rows.append(
                {"case": case.name, "class": name, **made_of, "outcome": result.outcome.value, **values, **volumes}
            )
        if case.trouble:
            rows.append({"case": case.name, "problem": case.trouble})
    named = ["case", "class", *([MADE_OF] if evaluation.regions else []), "outcome"]
    columns = [*named, *map(_column, METRICS), "pred_ml", "label_ml", "bias_ml", "problem"]
    return rows, columns


def _made_of(evaluation: Evaluation) -> list[dict[str, str]]:
    """The column for what regions are made of, for each class and region; none where there are no regions."""
    return [{MADE_OF: " ".join(map(str, numbers))} if evaluation.regions else {} for numbers in evaluation.made_of]


def _class_table(evaluation: Evaluation, summaries: Sequence[ClassSummary]) -> tuple[list[dict[str, Any]], list[str]]:
    rows = []
    for summary, made_of in zip(summaries, _made_of(evaluation), strict=True):
        row: dict[str, Any] = {"class": summary.name, **made_of}
        row |= {outcome.value: count for outcome, count in summary.outcomes.items()}
        for metric in METRICS:
            known = summary.metrics[metric.attribute]
            for part in ("mean", "low", "high", "std", "median"):
                row[f"{_column(metric)}_{part}"] = getattr(known, part) if known else None
        volume = summary.volume
        low, high = volume.limits if volume and volume.limits else (None, None)
        row |= {"bias_ml": volume.bias if volume else None, "bias_ml_low": low, "bias_ml_high": high}
        rows.append(row)
    return rows, list(rows[0]) if rows else ["class"]


def _column(metric: Any) -> str:
    return f"{metric.attribute}_{metric.unit}" if metric.unit else metric.attribute


def _json(evaluation: Evaluation, summaries: Sequence[ClassSummary]) -> dict[str, Any]:
    count = len(evaluation.class_names)
    of_regions = zip(map(_json_summary, summaries[count:]), evaluation.regions.values(), strict=True)
    return {
        "title": evaluation.title,
        "intended_use": NOTICE,
        "monai_mobileunet": monai_mobileunet.__version__,
        "made": now(),
        "surface_dice_tolerance_mm": evaluation.tolerance,
        **({"pixels": PICTURES_IN_PIXELS} if evaluation.in_pixels else {}),
        "interval": "95 %, percentile bootstrap over cases",
        "classes": list(map(_json_summary, summaries[:count])),
        **({"regions": [{**one, MADE_OF: list(made)} for one, made in of_regions]} if evaluation.regions else {}),
        **({"missing": list(evaluation.missing)} if evaluation.missing else {}),
        "cases": [_json_case(case) for case in evaluation.cases],
    }


def _json_summary(summary: ClassSummary) -> dict[str, Any]:
    return {**asdict(summary), "outcomes": {outcome.value: count for outcome, count in summary.outcomes.items()}}


def _json_case(case: CaseRecord) -> dict[str, Any]:
    """Files and results of a case; of a mask with a file for each class their folder, and the files as its parts."""
    parts = list(map(str, case.outputs)) if len(case.outputs) > 1 else []
    paths = {"pred": case.outputs[0].parent if parts else case.outputs[0]} if case.outputs else {}
    paths |= {"label": case.label} if case.label else {}
    paths |= {"image": case.images[0]} if case.images else {}
    return {
        "name": case.name,
        **{key: str(path) for key, path in paths.items()},
        **({"parts": parts} if parts else {}),
        "classes": {name: asdict(result) for name, result in case.results.items()},
        **({"regions": {name: asdict(result) for name, result in case.regions.items()}} if case.regions else {}),
        **({"problem": case.trouble} if case.trouble else {}),
    }


def _page(evaluation: Evaluation, summaries: Sequence[ClassSummary], worst: int) -> str:
    measured = evaluation.measured
    pictures = {}
    if measured:
        pictures["distributions"] = data_uri(draw_distributions(evaluation.class_names, measured), "png")
        pictures["agreement"] = data_uri(draw_agreement(evaluation.class_names, measured), "png")
    shown = []
    for case in worst_cases(evaluation, worst):
        png, problem = draw_case(
            case, evaluation.class_names, annotation=evaluation.annotation, drawn_names=evaluation.drawn_names
        )
        shown.append({"case": case, "picture": data_uri(png, "png") if png else "", "problem": problem})
    return render(
        "evaluation.html",
        evaluation=evaluation,
        pixels=PICTURES_IN_PIXELS if evaluation.in_pixels else "",
        summaries=list(zip(summaries, evaluation.made_of, strict=True)),
        metrics=METRICS,
        outcomes=list(summaries[0].outcomes) if summaries else [],
        pictures=pictures,
        worst=shown,
    )


def draw_case(
    case: CaseRecord,
    class_names: Sequence[str],
    title: str = "",
    annotation: Annotation = WHOLE,
    drawn_names: Sequence[str] = (),
) -> tuple[bytes | None, str]:
    """Slices of a case where segmentation and reference differ most.

    Args:
        case: compared with its reference.
        class_names: names of the classes from 1 on.
        title: above the picture; by default the name of the case.
        annotation: what the reference does not say; nothing is drawn there.
        drawn_names: of the classes in references that are DICOM SEG or RTSTRUCT; by default those of the classes.

    Returns:
        A PNG, or ``None`` if it cannot be drawn; and what is wrong with the image, in words, if anything is.
    """
    num_classes = len(class_names) + 1
    try:
        pred = read_classes(case.masks, num_classes)
        label, _ = read_reference(case.label or Path(), pred, drawn_names or class_names)
        unknown = annotation.unknown(label, num_classes)
        label, pred = (replace(one, values=np.where(unknown, 0, one.values)) for one in (label, pred))
        image, problem = _shown_image(case.images[0] if case.images else None, label)
        shown, drawn, true = (to_ras(values, label.affine) for values in (image, pred.values, label.values))
        differing = drawn != true
        png = io.BytesIO()
        at, spacing = differing if differing.any() else true, spacing_ras(label.affine)
        draw_overlay(shown, drawn, png, class_names, spacing, true, shown=at, title=title or case.name)
        return png.getvalue(), problem
    except Exception as error:  # any, since the case is measured all the same; it is logged and said
        logger.exception("%s cannot be shown", case.name)
        return None, f"It cannot be shown ({root_cause(error)})."


def _shown_image(path: Path | None, label: Volume) -> tuple[np.ndarray, str]:
    """Intensities behind the masks, nothing where the image is of no use, and then why."""
    nothing = np.zeros(label.shape, np.float32)
    if path is None:
        return nothing, ""
    try:
        volume = read_volume(path)
        if volume.shape != label.shape:
            raise ValueError(f"found shape {volume.shape}, expected that of its label, {label.shape}")
        return shown_values(volume).astype(np.float32), ""
    except (ValueError, OSError, MemoryError) as error:  # the case is measured, so its masks are shown alone
        return nothing, f"{path} cannot be shown: {error}"
