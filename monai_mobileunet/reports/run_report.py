"""A run as files: for machines, for a spreadsheet, and a page to look at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.evaluation.summary import METRICS, metrics_in
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.reports.case_table import (
    SELF_CONTAINED,
    CaseTable,
    Column,
    compared_columns,
    metric_columns,
    size_columns,
)
from monai_mobileunet.reports.page import NOTICE, csv_text, data_uri, now, render_pieces, write_reports
from monai_mobileunet.reports.sizes import PIXELS, SHARE, Size, size_kinds, table_kinds
from monai_mobileunet.reports.slices import CONTOURS, CONVENTION
from monai_mobileunet.review import Verdict
from monai_mobileunet.wording import counted, readable, same_texts

__all__ = ["REPORTS", "RunReport", "write_run_report"]

VERSION = 1
"""Of ``report.json``; raised when a field changes its meaning or goes."""

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
        verdicts: of people who looked at the masks, by the name of the case as it is written in tables.
    """

    bundle: str
    weights: str
    settings: dict[str, Any]
    class_names: tuple[str, ...]
    rows: Sequence[CaseRecord]
    left: int = 0
    warnings: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

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
        yield f"{',' if number else ''}\n  {json.dumps(row.as_row() | _review(report, row), allow_nan=False)}"
    yield "\n ]\n}\n"


def _review(report: RunReport, row: CaseRecord) -> dict[str, Any]:
    verdict = report.verdicts.get(readable(row.name))
    return {"review": {"verdict": verdict.quality, "note": verdict.note, "time": verdict.time}} if verdict else {}


def _csv(report: RunReport) -> str:
    compared, kinds = any(row.results for row in report.rows), table_kinds(report.rows)
    metrics = [metric.attribute for metric in METRICS] if compared else []
    metrics += [f"label_{kind.column}" for kind in kinds if compared and kind is not SHARE]
    columns = ["case", "status", "image", "output", "problem", "warnings", "shape", "spacing_mm", "seconds", "cut_off"]
    columns += ["reference_problem"] if any(row.comparison_problem for row in report.rows) else []
    columns += [f"{name} {kind.column}" for kind in kinds for name in report.class_names]
    columns += [f"{name} {metric}" for name in report.class_names for metric in metrics]
    verdicts = report.verdicts
    columns += ["verdict", "note"] if verdicts else []
    return csv_text((_csv_row(row, report.class_names, kinds, verdicts) for row in report.rows), columns)


def _csv_row(
    row: CaseRecord,
    class_names: Sequence[str],
    kinds: Sequence[Size],
    verdicts: Mapping[str, Verdict],
) -> dict[str, Any]:
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
    for kind in kinds:
        sizes = {name: kind.of_case(row, name) for name in class_names}
        values |= {f"{name} {kind.column}": f"{size:.4f}" for name, size in sizes.items() if size is not None}
    if verdict := verdicts.get(readable(row.name)):
        values |= {"verdict": verdict.quality.value, "note": verdict.note}
    for name in filter(row.results.__contains__, class_names):
        values |= {f"{name} {metric.attribute}": getattr(row.results[name], metric.attribute) for metric in METRICS}
        values |= {f"{name} label_{kind.column}": kind.sides(row, name)["label"] for kind in kinds if kind is not SHARE}
    return values


def _page(report: RunReport, folder: Path) -> Iterator[str]:
    many = len(report.rows) >= SELF_CONTAINED
    table = CaseTable(
        report.rows,
        report.class_names,
        _columns(report),
        report.verdicts,
        lambda case: _picture(case.picture, folder, many),
        report.colours or colours_of(len(report.class_names)),
    )
    done = report.counted(CaseState.DONE)
    return render_pieces(
        "run.html",
        report=report,
        table=table,
        counts=table.counts,
        done=done,
        cases=counted(done + report.counted(CaseState.FAILED) + report.left, "case"),
        made=now(),
        version=monai_mobileunet.__version__,
        orientation=" ".join(
            [*([] if "pixels" in report.settings else [CONVENTION]), *([CONTOURS] if _is_compared(report) else [])]
        ),
        warnings=same_texts((row.name, text) for row in report.rows for text in row.warnings),
    )


def _is_compared(report: RunReport) -> bool:
    return any(row.results for row in report.rows)


def _columns(report: RunReport) -> list[Column]:
    kinds = size_kinds(report.rows)
    columns = size_columns(kinds)
    if _is_compared(report):
        columns += metric_columns(metrics_in(kinds == (PIXELS,)))
        columns += compared_columns(kinds, {"label": "reference "})
    return columns


def _picture(name: str, folder: Path, beside: bool) -> str:
    """Where the page takes a picture from: out of itself, or from beside it; empty if there is none."""
    if beside or not name:
        return quote(os.fsencode(name))
    path = folder / name
    return data_uri(path.read_bytes(), "webp") if path.is_file() else ""
