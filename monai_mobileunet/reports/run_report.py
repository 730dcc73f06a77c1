"""A run as files: for machines, for a spreadsheet, and a page to look at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.evaluation.summary import METRICS, Metric
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.reports.page import NOTICE, csv_text, data_uri, now, render_pieces, write_reports
from monai_mobileunet.reports.slices import CONTOURS, CONVENTION
from monai_mobileunet.reports.thumbnails import HEIGHT, WIDTHS

__all__ = ["PAGE_ROWS", "REPORTS", "SELF_CONTAINED", "RunReport", "write_run_report"]

VERSION = 1
"""Of ``report.json``; raised when a field changes its meaning or goes."""

COLUMNS = (*METRICS, Metric("label_ml", "label", "ml", True))
"""Columns of a class beside its volume, where there is a reference."""

SELF_CONTAINED = 500
"""From so many cases on the page does not hold its pictures: 100,000 of 15 KB would make it two gigabytes."""

PAGE_ROWS = 200
"""Rows that a page of so many cases shows at once; search, order and choice are of all."""

DIGITS = 4
"""Behind the point, of numbers in the page; it shows three."""

REPORTS = ("report.json", "report.csv", "report.html")


@dataclass(frozen=True)
class RunReport:
    """All that a report shows of a run.

    Attributes:
        bundle: name of the bundle.
        weights: SHA-256 of its weights.
        settings: what was asked for, by option.
        class_names: of the classes from 1 on.
        rows: of the cases, those of earlier runs over the same folder among them.
        left: how many cases are still to do.
        warnings: about the run as a whole.
        colours: of the classes; by default those of the palette.
    """

    bundle: str
    weights: str
    settings: dict[str, Any]
    class_names: tuple[str, ...]
    rows: Sequence[CaseRecord]
    left: int = 0
    warnings: tuple[str, ...] = field(default_factory=tuple)
    colours: tuple[Colour, ...] = ()

    def counted(self, state: CaseState) -> int:
        """How many cases have a state."""
        return sum(row.state is state for row in self.rows)


def write_run_report(report: RunReport, folder: Path) -> list[Path]:
    """Write ``report.json``, ``report.csv`` and ``report.html``, each whole or not at all.

    The page needs no network. Below :data:`SELF_CONTAINED` cases it holds its pictures, so that it can be sent as one
    file; from there on it shows those in the folder as they are scrolled to. They show what is in the images.

    Args:
        report: what to tell.
        folder: the output of the run, where the pictures lie.

    Returns:
        The files.
    """
    contents = (lambda: _json(report), lambda: _csv(report), lambda: _page(report, folder))
    return write_reports(folder, dict(zip(REPORTS, contents, strict=True)))


def _json(report: RunReport) -> Iterator[str]:
    """The report with a line for each case: Python writes lines of 100,000 in seconds, indented JSON in a minute."""
    head = {
        "version": VERSION,
        "intended_use": NOTICE,
        "monai_mobileunet": monai_mobileunet.__version__,
        "made": now(),
        "bundle": report.bundle,
        "weights_sha256": report.weights,
        "settings": report.settings,
        "classes": {str(number): name for number, name in enumerate(report.class_names, 1)},
        "warnings": list(report.warnings),
        "done": report.counted(CaseState.DONE),
        "failed": report.counted(CaseState.FAILED),
        "left": report.left,
    }
    yield json.dumps(head, indent=1, allow_nan=False).removesuffix("\n}")
    yield ',\n "cases": ['
    for number, row in enumerate(report.rows):
        yield f"{',' if number else ''}\n  {json.dumps(row.as_row(), allow_nan=False)}"
    yield "\n ]\n}\n"


def _csv(report: RunReport) -> str:
    metrics = [metric.attribute for metric in _columns(report)]
    columns = ["case", "status", "image", "output", "problem", "warnings", "shape", "spacing_mm", "seconds", "cut_off"]
    columns += ["reference_problem"] if any(row.comparison_problem for row in report.rows) else []
    columns += [f"{name} ml" for name in report.class_names]
    columns += [f"{name} {metric}" for name in report.class_names for metric in metrics]
    return csv_text((_csv_row(row, report.class_names, metrics) for row in report.rows), columns)


def _csv_row(row: CaseRecord, class_names: Sequence[str], metrics: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "case": row.name,
        "status": row.state.value,
        "image": " ".join(map(str, row.images)),
        "output": " ".join(map(str, row.outputs if row.done else ())),
        "problem": row.problem,
        "warnings": " ".join(row.warnings),
        "shape": "x".join(map(str, row.shape)),
        "spacing_mm": "x".join(f"{value:g}" for value in row.spacing_mm),
        "seconds": f"{sum(row.seconds.values()):.3f}" if row.seconds else "",
        "cut_off": ", ".join(row.cut_off),
    }
    if row.comparison_problem:
        values["reference_problem"] = row.comparison_problem
    values |= {f"{name} ml": f"{ml:.4f}" for name, ml in row.volumes_ml.items() if name in class_names}
    for name in filter(row.results.__contains__, class_names):
        for metric in metrics:
            values[f"{name} {metric}"] = getattr(row.results[name], metric)
    return values


def _columns(report: RunReport) -> tuple[Metric, ...]:
    return COLUMNS if any(row.results for row in report.rows) else ()


def _page(report: RunReport, folder: Path) -> Iterator[str]:
    metrics, many = _columns(report), len(report.rows) >= SELF_CONTAINED
    stages = tuple(dict.fromkeys(stage for row in report.rows for stage in row.seconds))
    digits = [3, *(2 if metric.unit else 3 for metric in metrics)] * len(report.class_names)
    per_page = PAGE_ROWS if many else max(1, len(report.rows))
    colours = report.colours or colours_of(len(report.class_names))
    about = {"digits": digits, "stages": stages, "per_page": per_page, "height": HEIGHT, "widths": WIDTHS}
    pixels = "pixels" in report.settings
    return render_pieces(
        "run.html",
        report=report,
        made=now(),
        version=monai_mobileunet.__version__,
        done=report.counted(CaseState.DONE),
        failed=report.counted(CaseState.FAILED),
        warned=sum(bool(row.warnings) for row in report.rows),
        classes=[(name, f"rgb{colour}") for name, colour in zip(report.class_names, colours, strict=True)],
        orientation=" ".join([*([] if pixels else [CONVENTION]), *([CONTOURS] if metrics else [])]),
        metrics=metrics,
        about=_in_page(about),
        rows=(
            _in_page(_page_row(row, report.class_names, metrics, stages, _picture(row.picture, folder, many)))
            for row in report.rows
        ),
    )


def _page_row(
    row: CaseRecord, class_names: Sequence[str], metrics: Sequence[Metric], stages: Sequence[str], picture: str
) -> list[Any]:
    """What the page knows of a case, in the order in which its script takes it."""
    values: list[float | None] = []
    for name in class_names:
        result = row.results.get(name)
        values += [row.volumes_ml.get(name), *(getattr(result, metric.attribute, None) for metric in metrics)]
    cut_off = [index * (1 + len(metrics)) for index, name in enumerate(class_names) if name in row.cut_off]
    seconds = [_rounded(row.seconds.get(stage, 0.0)) for stage in stages] if row.seconds else []
    numbers = (list(map(_rounded, values)) if row.done else [], cut_off, row.spacing_mm, row.shape, seconds)
    texts = (_readable(row.name), _readable(row.problem), list(map(_readable, row.warnings)))
    return [*texts, _readable(row.comparison_problem), picture, *numbers]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _readable(text: str) -> str:
    """Names of files need not be UTF-8; what is none of it is shown by its number."""
    return text.encode("utf-8", "backslashreplace").decode()


def _in_page(content: Any) -> Markup:
    """JSON that can stand in a page: no text of it ends the element that it stands in."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _picture(name: str, folder: Path, beside: bool) -> str:
    """Where the page takes a picture from: out of itself, or from beside it; empty if there is none."""
    if beside or not name:
        return quote(os.fsencode(name))
    path = folder / name
    return data_uri(path.read_bytes(), "webp") if path.is_file() else ""
