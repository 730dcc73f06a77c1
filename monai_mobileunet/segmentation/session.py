"""A run from the first look to the report: the bundle opened, the plan made, what is finished left out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.runtimes.exports import hash_file
from monai_mobileunet.runtimes.table import RUNTIMES
from monai_mobileunet.segmentation.journal import Journal, Record, read_records, settings_key
from monai_mobileunet.segmentation.plan import PlannedCase, plan_run
from monai_mobileunet.segmentation.references import find_references
from monai_mobileunet.segmentation.rows import FAILED, CaseRow
from monai_mobileunet.segmentation.run import STATE, RunOptions, execute, split_names
from monai_mobileunet.segmentation.run_report import RunReport, write_run_report
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["Request", "Session"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What was asked for; see ``mobileunet segment --help``."""

    source: Path
    output: Path
    bundle: Path
    reference: Path | None = None
    split: bool = False
    fast: bool = False
    tta: bool | None = None
    runtime: str | None = None
    device: str | None = None
    threads: int | None = None
    num_workers: int = 1
    batch_size: int | None = None
    weights: Path | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    strict: bool = False
    overwrite: bool = False


class Session:
    """A run over an output folder.

    Args:
        request: what was asked for.

    Raises:
        ValueError: nothing to segment, masks in each other's way, options that the bundle or machine does not have.
        FileNotFoundError: no such bundle, or one without weights.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        if request.runtime is not None and request.runtime not in RUNTIMES:
            raise ValueError(f"--runtime is {request.runtime!r}; expected one of {', '.join(RUNTIMES)}.")
        bundle = Bundle(request.bundle)
        changed = {**_options(request, bundle), **request.overrides}
        bundle.parser.update(changed)
        self.bundle = bundle
        if not bundle.weights.is_file():
            raise FileNotFoundError(f"{bundle.weights}: no weights. Train the bundle first, or name --weights.")
        self.weights = hash_file(bundle.weights)
        self.plan = plan_run(request.source, request.output, request.split)
        self.warnings = tuple(self._weights_warnings())
        if self.warnings and request.strict:
            raise ValueError(" ".join(self.warnings))
        self.references = find_references(request.reference, self.plan.cases) if request.reference else {}
        if request.split:
            split_names(bundle.class_names)
        configs = {name: hash_file(bundle.folder / "configs" / name) for name in ("inference.json", "metadata.json")}
        self.settings = settings_key(
            {
                "version": monai_mobileunet.__version__,
                "weights": self.weights,
                "configs": configs,
                "changed": {key: value for key, value in changed.items() if key not in ("ckpt_path", "device")},
                "split": request.split,
                "reference": str(request.reference.resolve()) if request.reference else "",
            }
        )
        self._journal_path = request.output / STATE / "journal.jsonl"
        self.log = request.output / STATE / "run.log"
        self.journal: Journal | None = None
        self._finished: dict[str, Record] = {}
        self.todo: list[PlannedCase] = []
        self._sort_out(read_records(self._journal_path))

    def _weights_warnings(self) -> list[str]:
        """The bundle tells the hash of the weights that it is shipped with, and what those are worth."""
        known = self.bundle.metadata.get("weights", {}).get("models/model.pt", {}).get("sha256")
        shipped = self.bundle.folder / "models" / "model.pt"
        if known is None or self.request.weights or self.bundle.weights != shipped or known == self.weights:
            return []
        text = "not the weights that metadata.json describes: trained here since, or damaged or replaced by someone."
        return [f"{shipped}: {text} Name them with --weights if you know them."]

    def _sort_out(self, records: dict[str, Record]) -> None:
        self._finished, self.todo = {}, []
        for case in self.plan.cases:
            record = records.get(case.name)
            if record and not self.request.overwrite and record.still_holds(case, self.settings, self.plan.output):
                self._finished[case.name] = record
            else:
                self.todo.append(case)

    def summary(self) -> list[str]:
        """What will be done, for people."""
        request = self.request
        device = self.bundle.parser.get_parsed_content("device")
        threads = request.threads or torch.get_num_threads()
        runtime = self.bundle.parser.get("runtime", "torch")
        lines = [
            f"{self.bundle.folder.name}: {', '.join(self.bundle.class_names)}. Not a medical device; not for "
            "diagnostic use.",
            f"weights {self.weights[:12]}, runtime {runtime}, {device}, {threads} threads",
            f"{len(self.plan.cases)} cases in {request.source}: {len(self._finished)} finished before, "
            f"{len(self.todo)} to do; masks in {request.output}{', one for each class' if request.split else ''}",
        ]
        if self.plan.passed_over:
            seen = ", ".join(f"{count} {suffix or 'others'}" for suffix, count in self.plan.passed_over)
            lines.append(f"passed over, for they are no images: {seen}")
        if self.references:
            lines.append(f"{len(self.references)} of them have a reference in {request.reference}")
        return [*lines, *(f"warning: {warning}" for warning in self.warnings)]

    def claim(self) -> None:
        """Take the output folder, and see that it can be written to.

        Raises:
            DataError: it cannot, or another run has it.
        """
        state = self._journal_path.parent
        try:
            state.mkdir(parents=True, exist_ok=True)
            probe = state / f".{os.getpid()}"
            probe.write_bytes(b"0" * 4096)
            probe.unlink()
        except OSError as error:
            problem = f"cannot be written to ({error.strerror})."
            raise DataError([Finding(str(self.request.output), problem, "Name another folder.")]) from error
        self.journal = Journal(self._journal_path)
        self._sort_out(self.journal.records)
        labels = {"0": "background", **{str(i): name for i, name in enumerate(self.bundle.class_names, 1)}}
        temporary = self.request.output / ".labels.json"
        temporary.write_text(json.dumps({"labels": labels, "bundle": self.bundle.folder.name}, indent=2) + "\n")
        os.replace(temporary, self.request.output / "labels.json")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.journal is not None:
            self.journal.__exit__(kind, error, trace)

    @cached_property
    def segmenter(self) -> Segmenter:
        """The bundle's, loaded once."""
        return Segmenter(self.bundle)

    def run(self, note: Callable[[CaseRow], None] = lambda row: None) -> None:
        """Segment what is left to do.

        Raises:
            OutputError: the output cannot be written to any more.
        """
        if self.journal is None:
            raise RuntimeError("claim() the output folder first.")
        if self.request.threads:
            torch.set_num_threads(self.request.threads)
        logger.info("%s", " | ".join(self.summary()))
        options = RunOptions(self.request.num_workers, self.request.strict, self.references, self.settings)
        if self.todo:
            execute(self.plan, self.todo, self.segmenter, self.journal, options, note)

    @property
    def rows(self) -> list[CaseRow]:
        """Of the cases of this plan that are finished, now or before, and of those that failed."""
        records = self.journal.records if self.journal else {}
        names = [case.name for case in self.plan.cases if case.name in records]
        return [CaseRow.of(records[n].row) for n in names if records[n].settings == self.settings]

    @property
    def failed(self) -> list[CaseRow]:
        """The rows without a mask."""
        return [row for row in self.rows if row.status == FAILED]

    def report(self) -> list[Path]:
        """Write what there is to tell; see :func:`write_run_report`."""
        settings = {
            "input": str(self.request.source),
            "runtime": self.bundle.parser.get("runtime", "torch"),
            **{key: value for key, value in _options(self.request, self.bundle).items() if key != "ckpt_path"},
            **self.request.overrides,
        }
        rows = self.rows
        left = len(self.plan.cases) - len(rows)
        report = RunReport(
            self.bundle.folder.name, self.weights, settings, self.bundle.class_names, rows, left, self.warnings
        )
        return write_run_report(report, self.plan.output)


def _options(request: Request, bundle: Bundle) -> dict[str, Any]:
    """The options as entries of ``inference.json``."""
    changed: dict[str, Any] = {}
    if request.fast:
        cheapest = {"mirror_axes": [], "planes": [bundle.parser.get("planes", ["axial"])[0]], "out_step": "@out_slices"}
        changed |= {key: value for key, value in cheapest.items() if key in bundle.parser}
    if request.tta is not None:
        axes = bundle.parser.get("tta_axes", [])
        if request.tta and not axes:
            raise ValueError(f"--tta: {bundle.folder.name} names no axis (tta_axes) along which no class has a side.")
        changed["mirror_axes"] = axes if request.tta else []
    if request.runtime is not None:
        changed["runtime"] = request.runtime
    if request.device is not None:
        changed["device"] = _device(request.device)
    if request.batch_size is not None:
        changed["slice_inferer#sw_batch_size"] = request.batch_size
    if request.weights is not None:
        changed["ckpt_path"] = str(request.weights.resolve())
    return changed


def _device(name: str) -> str:
    """PyTorch's name of a device; ``gpu`` and ``gpu:1`` are understood as TotalSegmentator has them."""
    device = name.replace("gpu", "cuda")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: PyTorch finds no GPU here. Use cpu, or install a build with CUDA.")
    return str(torch.device(device))
