"""A run in a few steps: prepare it, claim its output folder, segment what is left, compare, report.

:func:`prepare` reads and decides, and writes nothing. :func:`claim` gives the journal, which keeps other runs out of
the folder. :func:`carry_out` segments. :func:`records_of` gives the records that a report shows. The two kinds of run
are :mod:`~monai_mobileunet.cohort.segment` and :mod:`~monai_mobileunet.cohort.evaluate`.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.cohort.case_in_hand import SCRATCH, Tools
from monai_mobileunet.cohort.dicom_output import dicom_writer
from monai_mobileunet.cohort.executors.local import Here
from monai_mobileunet.cohort.executors.supervision import Executor, supervise
from monai_mobileunet.cohort.journal import WHOLE_RUN, Journal, read_records
from monai_mobileunet.cohort.memory import Budget
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.cohort.presence import Claim
from monai_mobileunet.cohort.report import RunFacts, is_left_by_others, keep_facts
from monai_mobileunet.cohort.settings import run_settings
from monai_mobileunet.cohort.standing import Standing, find_standing
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.files import write_bytes, write_text
from monai_mobileunet.data.label_files import label_files
from monai_mobileunet.output_form import DEFAULT_FORM, OutputForm
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["PreparedRun", "carry_out", "claim", "prepare", "records_of", "refuse_foreign", "spacing_of"]

REPORT_EVERY = 600.0  # s; and never more than a tenth of the time
OTHER_FOLDER = "Name another folder for the output, or replace it with --overwrite."

Show = Callable[[CaseRecord], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedRun:
    """What a run will do, and where it stands.

    Attributes:
        bundle: the bundle, opened, with its weights on disk.
        plan: the cases and their masks.
        changed: entries of the bundle's ``inference.json`` that are not as they stand there.
        weights: SHA-256 of the weights.
        settings: key of all that decides about voxels.
        standing: what is finished and what is to do.
        form: in which files the masks are written.
        overwrite: whether finished cases and masks of others are made anew.
        facts: what is put on record for reports; ``None`` for a run that has none of its own.
    """

    bundle: Bundle
    plan: Plan
    changed: Mapping[str, Any]
    weights: str
    settings: str
    standing: Standing
    form: OutputForm = DEFAULT_FORM
    overwrite: bool = False
    facts: RunFacts | None = None

    @property
    def journal(self) -> Path:
        """File of the journal."""
        return self.plan.state / self.plan.journal

    def standing_by(self, records: Mapping[str, CaseRecord]) -> PreparedRun:
        """The same run, standing as records say."""
        return replace(self, standing=find_standing(self.plan, records, self.settings, self.overwrite))


def prepare(
    bundle: Bundle,
    plan: Plan,
    changed: Mapping[str, Any],
    form: OutputForm = DEFAULT_FORM,
    overwrite: bool = False,
) -> PreparedRun:
    """See what of a plan is finished and what is to do.

    Args:
        bundle: the bundle, with ``changed`` in it already.
        plan: the cases and their masks.
        changed: entries of ``inference.json`` that are not as they stand there, by their ids.
        form: in which files the masks are written.
        overwrite: whether all cases are to do.

    Raises:
        FileNotFoundError: the bundle has no weights.
    """
    weights, settings = run_settings(bundle, changed, form)
    standing = find_standing(plan, read_records(plan.state / plan.journal), settings, overwrite)
    return PreparedRun(bundle, plan, changed, weights, settings, standing, form, overwrite)


def claim(run: PreparedRun, remedy: str = OTHER_FOLDER, work: Claim = WHOLE_RUN) -> tuple[Journal, PreparedRun]:
    """Take the output folder, and see that it can be written to.

    Args:
        run: as it was prepared.
        remedy: what to do about masks in the way, in words.
        work: what this process does in the folder; parts of a run may do so at the same time.

    Returns:
        The open journal, and the run as it stands by it.

    Raises:
        DataError: files in the masks' places that no run has written there; a folder that cannot be written to, or
            that another run has.
    """
    if not run.plan.state.exists():  # a folder that is refused, of labels perhaps, is left as it is
        refuse_foreign(run, remedy)
    journal = None
    try:
        journal = Journal(run.journal, work, own=work != WHOLE_RUN)
        run = run.standing_by(journal.records)
        refuse_foreign(run, remedy)
        scratch = run.plan.state / SCRATCH
        if work == WHOLE_RUN:  # nobody else is here
            shutil.rmtree(scratch, ignore_errors=True)  # what a killed run left
        scratch.mkdir(parents=True, exist_ok=True)
        write_bytes(scratch / "probe", b"0" * 4096)
        _begin(run, journal)
    except BaseException as error:
        if journal is not None:
            journal.__exit__()
        if isinstance(error, OSError):
            problem = f"cannot be written to ({error.strerror})."
            raise DataError([Finding(str(run.plan.state.parent), problem, "Name another folder.")]) from error
        raise
    return journal, run


def refuse_foreign(run: PreparedRun, remedy: str = OTHER_FOLDER) -> None:
    """Refuse to replace masks that no run has written as they are.

    Raises:
        DataError: there are such files in the masks' places.
    """
    if run.standing.foreign and not run.overwrite:
        problem = "is there, and no run has written it, or it was changed since."
        raise DataError([Finding(str(path), problem, remedy) for path in run.standing.foreign])


def _begin(run: PreparedRun, journal: Journal) -> None:
    """What is written before the first case."""
    for name in run.standing.touched:
        journal.write(run.standing.finished[name], sync=False)
    if run.overwrite:
        for case in run.standing.todo:  # in hand from now on: the command without it goes on if this run is ended
            journal.write(replace(case, state=CaseState.IN_HAND, settings=""), sync=False)
    journal.concluded.clear()
    if run.facts is not None:
        keep_facts(run.facts, run.plan.state)
    for name, text in label_files(run.bundle.class_names, run.bundle.colours, run.bundle.folder.name).items():
        write_text(run.plan.state.parent / name, text)
    for name, text in run.plan.described.items():
        write_text(run.plan.output / name, text)


def carry_out(
    run: PreparedRun,
    segmenter: Segmenter | None,
    journal: Journal,
    num_workers: int = 1,
    strict: bool = False,
    pictures: bool = True,
    show: Show = lambda record: None,
    report: Callable[[], object] = lambda: None,
    executor_of: Callable[[Tools], Executor] | None = None,
) -> None:
    """Segment what is left to do.

    Args:
        run: as :func:`claim` gave it.
        segmenter: the bundle's; ``None`` where this process segments nothing.
        journal: likewise.
        num_workers: threads that read and preprocess ahead; 0 does one thing after the other.
        strict: whether a warning is a failure.
        pictures: whether each mask is drawn for a report.
        show: called with the record of each case that has ended.
        report: called from time to time.
        executor_of: gives what segments the cases elsewhere; by default this process does.

    Raises:
        OutputError: the output cannot be written to any more.
        WorkerError: there is nobody who segments.
    """
    last, took = time.monotonic(), 0.0

    def ended(record: CaseRecord) -> None:
        nonlocal last, took
        show(record)
        now = time.monotonic()
        if now - last > max(REPORT_EVERY, 10 * took):
            report()
            last, took = time.monotonic(), time.monotonic() - now

    spacing = spacing_of(run.bundle)
    tools = Tools(run.plan, segmenter, journal, Budget(), run.settings, strict, spacing, pictures, ended)
    tools = replace(tools, dicom=dicom_writer(run.bundle, run.weights, run.form))
    supervise(executor_of(tools) if executor_of else Here(tools, num_workers), run.standing.todo, tools)


def records_of(run: PreparedRun, journal: Journal) -> list[CaseRecord]:
    """Of a run's cases those that are finished or have ended now, and the other finished ones of its folder."""
    known = run.standing.finished.keys() | journal.concluded
    planned, output = run.plan.names, run.plan.output
    shown = [
        record
        for name, record in list(journal.records.items())  # a case may be taken in hand meanwhile
        if name in known or (name not in planned and is_left_by_others(record, output))
    ]
    return sorted(shown, key=lambda record: record.name)


def spacing_of(bundle: Bundle) -> Sequence[float] | None:
    """mm per voxel that a bundle resamples to, where it says so in three numbers."""
    value = bundle.parser.get_parsed_content("spacing") if "spacing" in bundle.parser else None
    numbers = list(value) if isinstance(value, list | tuple) else []
    fits = len(numbers) == 3 and all(isinstance(number, int | float) and number > 0 for number in numbers)
    return numbers if fits else None
