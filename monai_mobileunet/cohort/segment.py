"""Segment a file, a folder or a list of images: what ``mobileunet segment`` does."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.case_pictures import add_references
from monai_mobileunet.cohort.compare import compare_cases
from monai_mobileunet.cohort.dicom_output import drawn_names
from monai_mobileunet.cohort.executors.choice import check_choice, executor
from monai_mobileunet.cohort.journal import WHOLE_RUN, Journal, read_records, settings_key
from monai_mobileunet.cohort.parts.dealing import keep_deal
from monai_mobileunet.cohort.prepared import PreparedImages, describe_images, prepare_images
from monai_mobileunet.cohort.presence import Claim, unique_name
from monai_mobileunet.cohort.report import make_report, summary_line
from monai_mobileunet.cohort.run import carry_out, claim, records_of
from monai_mobileunet.data.search.bids import participant_folders
from monai_mobileunet.reports.run_report import write_run_report
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["ClaimedImages", "claim_images", "segment_images"]


LOGS = "logs"
"""Folder of the logs of parts, in the run's folder."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimedImages:
    """A run over images that has its output folder to itself; the journal is to be closed.

    Attributes:
        prepared: what will be done.
        journal: records of the folder's cases.
        segmenter: the bundle's, with its network loaded; ``None`` where another machine segments, which may have a GPU.
    """

    prepared: PreparedImages
    journal: Journal
    segmenter: Segmenter | None

    @property
    def log(self) -> Path:
        """File of the log; a process that may be one of many has one of its own."""
        state = self.prepared.run.plan.state
        return state / "run.log" if _work(self.prepared) == WHOLE_RUN else state / LOGS / f"run-{unique_name()}.log"

    @property
    def records(self) -> list[CaseRecord]:
        """Cases that are finished or have ended; see :func:`monai_mobileunet.cohort.run.records_of`."""
        return records_of(self.prepared.run, self.journal)

    @property
    def troubled(self) -> list[CaseRecord]:
        """Cases of this run without a mask, or whose reference was of no use."""
        planned = {case.name for case in self.prepared.run.plan.cases}
        return [record for record in self.records if record.name in planned and record.trouble]

    def summary(self) -> str:
        """What came of it, in a line."""
        return summary_line(self.records)

    def write_report(self) -> list[Path]:
        """Write what there is to tell; see :func:`monai_mobileunet.cohort.report.make_report`.

        Raises:
            OSError: it cannot be written.
        """
        run = self.prepared.run
        if run.facts is None:
            return []
        awaited = {case.name for case in run.standing.todo} - self.journal.concluded
        report = make_report(run.facts, read_records(run.journal), run.plan.output, awaited)
        return write_run_report(report, run.plan.output)


def claim_images(prepared: PreparedImages) -> ClaimedImages:
    """Load the network and take the output folder.

    Raises:
        ValueError: weights or a runtime that cannot be used; files in the masks' places that no run has written
            there; a folder that cannot be written to, or that another run has.
        ModuleNotFoundError: the runtime is not installed.
    """
    if prepared.options.threads:
        torch.set_num_threads(prepared.options.threads)
    check_choice(prepared.options)
    segmenter = None
    if not prepared.options.elsewhere:
        segmenter = Segmenter(prepared.run.bundle)
        segmenter.load_runtime()
    journal, run = claim(prepared.run, work=_work(prepared))
    try:
        agreed = prepared.deal is None or keep_deal(prepared.deal)
    except BaseException:
        journal.__exit__()
        raise
    if not agreed:  # another part has dealt just now, and an image came or went between the two
        journal.__exit__()
        return claim_images(prepare_images(prepared.options))
    return ClaimedImages(replace(prepared, run=run), journal, segmenter)


def _work(prepared: PreparedImages) -> Claim:
    """What this process does in its folder: parts of one run, over the same participants, and participants share it."""
    part, participants = prepared.part, participant_folders(prepared.options.participants)
    settings = settings_key({"voxels": prepared.run.settings, "input": os.path.realpath(prepared.options.source)})
    if part is not None:
        of = f" of {', '.join(participants)}" if participants else ""
        return Claim(f"{settings} in {part.count} parts{of}", (f"part {part.number + 1} of {part.count}",))
    if participants:
        return Claim(f"{settings} by participants", participants)
    return WHOLE_RUN


def segment_images(claimed: ClaimedImages, show: Callable[[CaseRecord], None] = lambda record: None) -> None:
    """Segment what is left to do, with a report from time to time, and compare what has references.

    Args:
        claimed: the run.
        show: called with the record of each case that has ended.

    Raises:
        OutputError: the output cannot be written to any more.
        WorkerError: there is nobody who segments.
    """
    prepared, journal = claimed.prepared, claimed.journal
    options, run = prepared.options, prepared.run
    logger.info("%s", " | ".join(describe_images(prepared)))
    with ExitStack() as stack:
        carry_out(
            run,
            claimed.segmenter,
            journal,
            options.num_workers,
            options.strict,
            show=show,
            report=claimed.write_report if prepared.part is None else lambda: None,
            executor_of=lambda tools: stack.enter_context(executor(options, run, tools)),
        )
    planned = {case.name: case for case in run.plan.cases if case.label is not None}
    records = [record.planned_as(planned[name]) for name, record in list(journal.records.items()) if name in planned]
    compared = compare_cases(records, run.bundle.class_names, journal=journal, drawn_names=drawn_names(run.bundle))
    add_references(compared, journal, run.plan.state, run.bundle.segment_classes)
