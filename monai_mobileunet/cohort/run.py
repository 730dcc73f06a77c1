"""A run from the first look to the report: the bundle opened, the plan made, what is finished left out."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cohort.case_in_hand import SCRATCH
from monai_mobileunet.cohort.journal import Journal, Record, read_records, settings_key
from monai_mobileunet.cohort.measuring import measure_references
from monai_mobileunet.cohort.options import Request, bundle_changes, split_names
from monai_mobileunet.cohort.plan import STATE, PlannedCase, plan_run
from monai_mobileunet.cohort.references import find_references
from monai_mobileunet.cohort.standing import find_standing
from monai_mobileunet.cohort.worker import Run, RunOptions
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.reports.case_row import DONE, FAILED, CaseRow
from monai_mobileunet.reports.run_report import RunReport, write_run_report
from monai_mobileunet.runtimes.manifest import hash_file
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["Session"]

REPORT_EVERY = 600.0  # s; and never more than a tenth of the time
VOXEL_FREE = ("ckpt_path", "device", "slice_inferer#sw_batch_size")
"""What was asked for without a say in the voxels; the weights have a hash of their own."""

logger = logging.getLogger(__name__)


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
        self.bundle = Bundle(request.bundle)
        self.changed = bundle_changes(request, self.bundle)
        self.bundle.parser.update(self.changed)
        self.bundle.check()
        if not self.bundle.weights.is_file():
            raise FileNotFoundError(f"{self.bundle.weights}: no weights. Train the bundle first, or name --weights.")
        self.weights = hash_file(self.bundle.weights)
        parts = split_names(self.bundle.class_names) if request.split else ()
        self.plan = plan_run(request.source, request.output, parts)
        self.warnings = tuple(self._warnings())
        if self.warnings and request.strict:
            raise ValueError(" ".join(self.warnings))
        self.references = find_references(request.reference, self.plan.cases) if request.reference else {}
        self.settings = settings_key(self._deciding())
        self.state = request.output / STATE
        self.log = self.state / "run.log"
        self.journal: Journal | None = None
        self.segmenter: Segmenter | None = None
        self._tried: set[str] = set()
        self._find_standing(read_records(self.state / "journal.jsonl"))

    def _deciding(self) -> dict[str, Any]:
        """All that decides about voxels."""
        names = ("inference.json", "metadata.json")
        return {
            "version": monai_mobileunet.__version__,
            "weights": self.weights,
            "configs": {name: hash_file(self.bundle.folder / "configs" / name) for name in names},
            "changed": {key: value for key, value in self.changed.items() if key not in VOXEL_FREE},
            "split": self.request.split,
        }

    def _warnings(self) -> list[str]:
        """About the run as a whole: the weights, against the hash that the metadata tell, and what was not searched."""
        warnings = [f"{folder}: cannot be searched, its images are left out." for folder in self.plan.unreadable]
        warnings += map(str, self.plan.warnings)
        known = self.bundle.metadata.get("weights", {}).get("models/model.pt", {}).get("sha256")
        shipped = self.bundle.folder / "models" / "model.pt"
        named = self.request.weights or self.bundle.weights != shipped
        if known is not None and not named and known != self.weights:
            text = (
                "not the weights that metadata.json describes: trained here since, or damaged or replaced by someone."
            )
            warnings.append(f"{shipped}: {text} Name them with --weights if you know them.")
        return warnings

    def _find_standing(self, records: dict[str, Record]) -> None:
        self.standing = find_standing(self.plan, records, self.settings, self.request.overwrite)

    @property
    def todo(self) -> tuple[PlannedCase, ...]:
        """Cases without masks that still hold."""
        return self.standing.todo

    def summary(self) -> list[str]:
        """What will be done, for people."""
        request, parser = self.request, self.bundle.parser
        threads = request.threads or torch.get_num_threads()
        lines = [
            f"{self.bundle.folder.name}: {', '.join(self.bundle.class_names)}. Not a medical device; not for "
            "diagnostic use.",
            f"weights {self.weights[:12]}, runtime {parser.get('runtime', 'torch')}, "
            f"{parser.get_parsed_content('device')}, {threads} threads",
            f"{len(self.plan.cases)} cases in {request.source}: {len(self.standing.finished)} finished before, "
            f"{len(self.todo)} to do; masks in {request.output}{', one for each class' if request.split else ''}",
        ]
        if self.plan.passed_over:
            seen = ", ".join(f"{count} {suffix or 'others'}" for suffix, count in self.plan.passed_over)
            lines.append(f"passed over, for they are no images: {seen}")
        lines += [f"passed over: {text}" for text in self.plan.left_out]
        if self.references:
            lines.append(f"{len(self.references)} of them have a reference in {request.reference}")
        if self.standing.foreign:
            lines.append(
                f"{len(self.standing.foreign)} masks are there that this would replace, as {self.standing.foreign[0]}"
            )
        return [*lines, *(f"warning: {warning}" for warning in self.warnings)]

    def claim(self) -> None:
        """Load the model and take the output folder, and see that it can be written to.

        Raises:
            ValueError: weights or a runtime that cannot be used; files in the masks' places that no run has written
                there; a folder that cannot be written to, or that another run has.
            ModuleNotFoundError: the runtime is not installed.
        """
        if self.request.threads:
            torch.set_num_threads(self.request.threads)
        self.segmenter = Segmenter(self.bundle)
        self.segmenter.load_runtime()
        if not self.state.exists():  # a folder that is refused, of labels perhaps, is left as it is
            self._refuse_foreign()
        try:
            self.journal = Journal(self.state / "journal.jsonl")
            self._find_standing(self.journal.records)
            self._refuse_foreign()
            shutil.rmtree(self.state / SCRATCH, ignore_errors=True)  # what a killed run left
            (self.state / SCRATCH).mkdir(parents=True)
            (self.state / SCRATCH / "probe").write_bytes(b"0" * 4096)
            self._begin(self.journal)
        except OSError as error:
            self.__exit__(None, None, None)
            problem = f"cannot be written to ({error.strerror})."
            raise DataError([Finding(str(self.request.output), problem, "Name another folder.")]) from error
        except DataError:
            self.__exit__(None, None, None)
            raise

    def _refuse_foreign(self) -> None:
        if self.standing.foreign and not self.request.overwrite:
            problem = "is there, and no run has written it, or it was changed since."
            remedy = "Name another folder for the output, or replace it with --overwrite."
            raise DataError([Finding(str(path), problem, remedy) for path in self.standing.foreign])

    def _begin(self, journal: Journal) -> None:
        """What is written before the first case."""
        if self.request.overwrite:
            for case in self.todo:  # in hand from now on: the command without it goes on if this run is ended
                known = journal.records.get(case.name, Record(case.name, ""))
                journal.write(replace(known, settings="", begun=1, row={}), sync=False)
        labels = {"0": "background", **{str(i): name for i, name in enumerate(self.bundle.class_names, 1)}}
        temporary = self.state / SCRATCH / "labels.json"
        temporary.write_text(
            json.dumps({"labels": labels, "bundle": self.bundle.folder.name}, indent=2) + "\n", encoding="utf-8"
        )
        os.replace(temporary, self.request.output / "labels.json")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.journal is not None:
            self.journal.__exit__(kind, error, trace)

    def run(self, note: Callable[[CaseRow], None] = lambda row: None) -> None:
        """Segment what is left to do, with a report from time to time, and measure what has references.

        Raises:
            OutputError: the output cannot be written to any more.
        """
        if self.journal is None or self.segmenter is None:
            raise RuntimeError("claim() the output folder first.")
        logger.info("%s", " | ".join(self.summary()))
        reported = [time.monotonic(), 0.0]

        def done(row: CaseRow) -> None:
            self._tried.add(row.case)
            note(row)
            now = time.monotonic()
            if now - reported[0] > max(REPORT_EVERY, 10 * reported[1]):
                self.report()
                reported[:] = time.monotonic(), time.monotonic() - now

        options = RunOptions(self.request.num_workers, self.request.strict, self.settings, _spacing(self.bundle))
        Run(self.plan, self.segmenter, self.journal, options, done)(self.todo)
        measure_references(self.plan.cases, self.references, self.journal, self.bundle.class_names)

    @property
    def rows(self) -> list[CaseRow]:
        """Of this plan's cases those that are finished, now or before, or failed now; and the folder's others."""
        records = self.journal.records if self.journal else {}
        planned = {case.name for case in self.plan.cases}
        output = self.plan.output
        known = self.standing.finished | self._tried
        shown = [
            record
            for name, record in list(records.items())  # a case may be taken in hand meanwhile
            if name in known
            or (name not in planned and record.done and all(os.path.isfile(output / path) for path in record.outputs))
        ]
        return sorted((CaseRow.of(record.row) for record in shown), key=lambda row: row.case)

    @property
    def failed(self) -> list[CaseRow]:
        """The rows of this plan without a mask, and those whose reference was of no use."""
        planned = {case.name for case in self.plan.cases}
        return [row for row in self.rows if row.case in planned and (row.status == FAILED or row.reference_problem)]

    def report(self) -> list[Path]:
        """Write what there is to tell; see :func:`write_run_report`.

        Raises:
            OSError: it cannot be written.
        """
        rows = self.rows
        left = len(self.plan.cases) - len(self.standing.finished | self._tried)
        settings = {"input": str(self.request.source), "runtime": self.bundle.parser.get("runtime", "torch")}
        settings |= {key: value for key, value in self.changed.items() if key != "ckpt_path"}
        names = self.bundle.class_names
        return write_run_report(
            RunReport(self.bundle.folder.name, self.weights, settings, names, rows, left, self.warnings),
            self.plan.output,
        )

    def told(self) -> str:
        """What came of it, in a line."""
        rows = self.rows
        done, warned = sum(row.status == DONE for row in rows), sum(bool(row.warnings) for row in rows)
        return f"{done} done, {sum(row.status == FAILED for row in rows)} failed, {warned} with warnings"


def _spacing(bundle: Bundle) -> Sequence[float] | None:
    """mm per voxel that a bundle resamples to, where it says so in three numbers."""
    value = bundle.parser.get_parsed_content("spacing") if "spacing" in bundle.parser else None
    numbers = list(value) if isinstance(value, list | tuple) else []
    fits = len(numbers) == 3 and all(isinstance(number, int | float) and number > 0 for number in numbers)
    return numbers if fits else None
