"""An evaluation in numbers: a table of cases, a table of classes, and all of it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data.names import PICTURES_IN_PIXELS
from monai_mobileunet.evaluation.summary import FEWEST, Agreement, ClassSummary, Metric, metrics_in
from monai_mobileunet.reports.evaluation import Evaluation
from monai_mobileunet.reports.page import NOTICE, now
from monai_mobileunet.reports.sizes import SHARE, VOLUME, Size, table_kinds

__all__ = ["case_table", "class_table", "evaluation_json"]

MADE_OF = "made_of"
"""Column and key for the numbers of the classes that a region is made of."""


def case_table(evaluation: Evaluation) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of ``cases.csv``, one for each class of each case, and its columns."""
    metrics, kinds = metrics_in(evaluation.in_pixels), _kinds(evaluation)
    rows: list[dict[str, Any]] = []
    for case in evaluation.cases:
        measured = zip(evaluation.names, _made_of(evaluation), case.classes_and_regions)
        for name, made_of, result in measured:
            values = {_column(metric): getattr(result, metric.attribute) for metric in metrics}
            sizes = {f"{part}_{kind.column}": size for kind in kinds for part, size in kind.sides(case, name).items()}
            rows.append(
                {"case": case.name, "class": name, **made_of, "outcome": result.outcome.value, **values, **sizes}
            )
        if case.trouble:
            rows.append({"case": case.name, "problem": case.trouble})
    named = ["case", "class", *([MADE_OF] if evaluation.regions else []), "outcome"]
    sides = [f"{part}_{kind.column}" for kind in kinds for part in ("pred", "label", "bias")]
    return rows, [*named, *map(_column, metrics), *sides, "problem"]


def _kinds(evaluation: Evaluation) -> list[Size]:
    return [kind for kind in table_kinds(evaluation.measured) if kind is not SHARE]


def _made_of(evaluation: Evaluation) -> list[dict[str, str]]:
    """The column for what regions are made of, for each class and region; none where there are no regions."""
    return [{MADE_OF: " ".join(map(str, numbers))} if evaluation.regions else {} for numbers in evaluation.made_of]


def class_table(evaluation: Evaluation, summaries: Sequence[ClassSummary]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of ``classes.csv``, one for each class, and its columns."""
    rows = []
    for summary, made_of in zip(summaries, _made_of(evaluation), strict=True):
        row: dict[str, Any] = {"class": summary.name, **made_of}
        row |= {outcome.value: count for outcome, count in summary.outcomes.items()}
        for metric in metrics_in(evaluation.in_pixels):
            known = summary.metrics[metric.attribute]
            for part in ("mean", "low", "high", "std", "median", "min", "max"):
                row[f"{_column(metric)}_{part}"] = getattr(known, part) if known else None
        for kind in _kinds(evaluation):
            row |= _bias(f"bias_{kind.column}", summary.volume if kind is VOLUME else summary.area)
        rows.append(row)
    return rows, list(rows[0]) if rows else ["class"]


def _bias(column: str, known: Agreement | None) -> dict[str, float | None]:
    low, high = known.limits if known and known.limits else (None, None)
    ends = (known.min, known.max) if known else (None, None)
    names = (column, f"{column}_low", f"{column}_high", f"{column}_min", f"{column}_max")
    return dict(zip(names, (known.bias if known else None, low, high, *ends), strict=True))


def _column(metric: Metric) -> str:
    return f"{metric.attribute}_{metric.unit}" if metric.unit else metric.attribute


def evaluation_json(evaluation: Evaluation, summaries: Sequence[ClassSummary]) -> dict[str, Any]:
    """All of an evaluation."""
    count = len(evaluation.class_names)
    of_regions = zip(map(_json_summary, summaries[count:]), evaluation.regions.values(), strict=True)
    return {
        "title": evaluation.title,
        "intended_use": NOTICE,
        "monai_mobileunet": monai_mobileunet.__version__,
        "made": now(),
        "surface_dice_tolerance_mm": evaluation.tolerance,
        **({"pixels": PICTURES_IN_PIXELS} if evaluation.in_pixels else {}),
        "interval": f"low to high: 95 %, percentile bootstrap over cases; none of fewer than {FEWEST} cases",
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
    regions = {name: result.as_row(case.in_pixels) for name, result in case.regions.items()}
    return {
        "name": case.name,
        **{key: str(path) for key, path in paths.items()},
        **({"parts": parts} if parts else {}),
        "classes": {name: result.as_row(case.in_pixels) for name, result in case.results.items()},
        **({"regions": regions} if regions else {}),
        **({"problem": case.trouble} if case.trouble else {}),
    }
