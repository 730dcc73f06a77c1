"""A run as files: for machines, for a spreadsheet, and a page to look at."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.reports.thumbnails import COLOURS

__all__ = ["REPORTS", "RunReport", "write_run_report"]

VERSION = 1
"""Of ``report.json``; raised when a field changes its meaning or goes."""

METRICS = {
    "dice": "Dice",
    "surface_dice": "surface Dice",
    "hd95": "HD95, mm",
    "asd": "ASD, mm",
    "label_ml": "label, ml",
}
REPORTS = ("report.json", "report.csv", "report.html")


@dataclass(frozen=True)
class RunReport:
    """All that is told of a run.

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
    contents = {
        "report.json": lambda: json.dumps(_json(report), indent=1, allow_nan=False) + "\n",
        "report.csv": lambda: _csv(report),
        "report.html": lambda: _page(report, folder),
    }
    for name, content in contents.items():
        temporary = folder / f".{name}"
        # a file name need not be UTF-8, and Python keeps such bytes as halves of characters
        temporary.write_text(content(), encoding="utf-8", errors="backslashreplace")
        os.replace(temporary, folder / name)
    return [folder / name for name in contents]


def _json(report: RunReport) -> dict[str, Any]:
    return {
        "version": VERSION,
        "intended_use": "Not a medical device. Not for diagnostic use.",
        "monai_mobileunet": monai_mobileunet.__version__,
        "made": _now(),
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
    metrics = [name for name in METRICS if any(row.results for row in report.rows)]
    columns = ["case", "status", "image", "output", "problem", "warnings", "shape", "spacing_mm", "seconds", "cut_off"]
    columns += ["reference_problem"] if any(row.comparison_problem for row in report.rows) else []
    columns += [f"{name} ml" for name in report.class_names]
    columns += [f"{name} {metric}" for name in report.class_names for metric in metrics]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
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
                value = getattr(row.results[name], metric)
                values[f"{name} {metric}"] = "" if value is None else f"{value:.6g}"
        writer.writerow(values)
    return text.getvalue()


def _page(report: RunReport, folder: Path) -> str:
    environment = Environment(
        loader=PackageLoader("monai_mobileunet.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    colours = [f"rgb{COLOURS[index % len(COLOURS)]}" for index in range(len(report.class_names))]
    return environment.get_template("run.html").render(
        report=report,
        made=_now(),
        version=monai_mobileunet.__version__,
        done=report.counted(CaseState.DONE),
        failed=report.counted(CaseState.FAILED),
        warned=sum(bool(row.warnings) for row in report.rows),
        classes=list(zip(report.class_names, colours, strict=True)),
        metrics=METRICS if any(row.results for row in report.rows) else {},
        pictures={row.name: _picture(folder / row.picture) for row in report.rows if row.picture},
    )


def _picture(path: Path) -> str:
    """For the page; empty if someone has removed it."""
    if not path.is_file():
        return ""
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
