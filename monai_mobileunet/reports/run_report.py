"""A run as files: for machines, for a spreadsheet, and a page to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.evaluation.summary import METRICS, Metric
from monai_mobileunet.reports.page import NOTICE, colour_of, csv_text, data_uri, now, render, write_reports

__all__ = ["REPORTS", "RunReport", "write_run_report"]

VERSION = 1
"""Of ``report.json``; raised when a field changes its meaning or goes."""

COLUMNS = (*METRICS, Metric("label_ml", "label", "ml", True))
"""Columns of a class beside its volume, where there is a reference."""

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
    """

    bundle: str
    weights: str
    settings: dict[str, Any]
    class_names: tuple[str, ...]
    rows: Sequence[CaseRecord]
    left: int = 0
    warnings: tuple[str, ...] = field(default_factory=tuple)

    def counted(self, state: CaseState) -> int:
        """How many cases have a state."""
        return sum(row.state is state for row in self.rows)


def write_run_report(report: RunReport, folder: Path) -> list[Path]:
    """Write ``report.json``, ``report.csv`` and ``report.html``, each whole or not at all.

    The page holds its pictures and needs no network, so that it can be sent as one file. They show what is in the
    images.

    Args:
        report: what to tell.
        folder: the output of the run, where the pictures lie.

    Returns:
        The files.
    """
    contents = (
        lambda: json.dumps(_json(report), indent=1, allow_nan=False) + "\n",
        lambda: _csv(report),
        lambda: _page(report, folder),
    )
    return write_reports(folder, dict(zip(REPORTS, contents, strict=True)))


def _json(report: RunReport) -> dict[str, Any]:
    return {
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
        "cases": [row.as_row() for row in report.rows],
    }


def _csv(report: RunReport) -> str:
    metrics = [metric.attribute for metric in _columns(report)]
    columns = ["case", "status", "image", "output", "problem", "warnings", "shape", "spacing_mm", "seconds", "cut_off"]
    columns += ["reference_problem"] if any(row.comparison_problem for row in report.rows) else []
    columns += [f"{name} ml" for name in report.class_names]
    columns += [f"{name} {metric}" for name in report.class_names for metric in metrics]
    table = []
    for row in report.rows:
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
        values |= {f"{name} ml": f"{ml:.4f}" for name, ml in row.volumes_ml.items() if name in report.class_names}
        for name in filter(row.results.__contains__, report.class_names):
            for metric in metrics:
                values[f"{name} {metric}"] = getattr(row.results[name], metric)
        table.append(values)
    return csv_text(table, columns)


def _columns(report: RunReport) -> tuple[Metric, ...]:
    return COLUMNS if any(row.results for row in report.rows) else ()


def _page(report: RunReport, folder: Path) -> str:
    return render(
        "run.html",
        report=report,
        made=now(),
        version=monai_mobileunet.__version__,
        done=report.counted(CaseState.DONE),
        failed=report.counted(CaseState.FAILED),
        warned=sum(bool(row.warnings) for row in report.rows),
        classes=[(name, f"rgb{colour_of(number)}") for number, name in enumerate(report.class_names, 1)],
        metrics=_columns(report),
        pictures={row.name: _picture(folder / row.picture) for row in report.rows if row.picture},
    )


def _picture(path: Path) -> str:
    """For the page; empty if someone has removed it."""
    return data_uri(path.read_bytes(), "webp") if path.is_file() else ""
