"""Segment a file, a folder or a list of images: what ``mobileunet segment`` does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.bids import describe_derivatives, plan_bids
from monai_mobileunet.cohort.compare import compare_cases
from monai_mobileunet.cohort.executor_choice import check_choice, executor, workers_of
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.options import SegmentOptions, bundle_changes, split_names
from monai_mobileunet.cohort.pairing import find_references
from monai_mobileunet.cohort.plan import Plan, plan_run
from monai_mobileunet.cohort.run import PreparedRun, carry_out, claim, prepare, records_of
from monai_mobileunet.data.names import PICTURE_SUFFIXES, PICTURES_IN_PIXELS, is_picture
from monai_mobileunet.evaluation import check_installed
from monai_mobileunet.reports.run_report import RunReport, write_run_report
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["ClaimedImages", "PreparedImages", "claim_images", "describe_images", "prepare_images", "segment_images"]


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedImages:
    """A run over images before its first case.

    Attributes:
        options: what was asked for.
        run: what will be done.
        warnings: what is doubtful about the run as a whole: its weights, and what could not be searched.
    """

    options: SegmentOptions
    run: PreparedRun
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ClaimedImages:
    """A run over images that has its output folder to itself; the journal is to be closed.

    Attributes:
        prepared: what will be done.
        journal: records of the folder's cases.
        segmenter: the bundle's, with its network loaded.
    """

    prepared: PreparedImages
    journal: Journal
    segmenter: Segmenter

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
        records = self.records
        done, failed = (sum(getattr(record, state) for record in records) for state in ("done", "failed"))
        return f"{done} done, {failed} failed, {sum(bool(record.warnings) for record in records)} with warnings"

    def write_report(self) -> list[Path]:
        """Write what there is to tell; see :func:`monai_mobileunet.reports.run_report.write_run_report`.

        Raises:
            OSError: it cannot be written.
        """
        prepared, run = self.prepared, self.prepared.run
        settings = {"input": str(prepared.options.source), "runtime": run.bundle.parser.get("runtime", "torch")}
        settings |= {key: value for key, value in run.changed.items() if key != "ckpt_path"}
        settings |= {"pixels": PICTURES_IN_PIXELS} if any(is_picture(case.images[0]) for case in run.plan.cases) else {}
        left = len(run.plan.cases) - len(run.standing.finished.keys() | self.journal.concluded)
        report = RunReport(
            run.bundle.folder.name,
            run.weights,
            settings,
            run.bundle.class_names,
            self.records,
            left,
            prepared.warnings,
        )
        return write_run_report(report, run.plan.output)


def prepare_images(options: SegmentOptions) -> PreparedImages:
    """Open the bundle, find the images, and see what is left to do. Nothing is written.

    Raises:
        ValueError: nothing to segment, masks in each other's way, options that the bundle or machine does not have,
            or warnings where these count as failures.
        FileNotFoundError: no such bundle, or one without weights.
    """
    bundle = Bundle(options.bundle)
    changed = bundle_changes(options, bundle)
    bundle.parser.update(changed)
    bundle.check()
    plan = _planned(options, bundle)
    if options.reference:
        check_installed("scipy")
        plan = replace(plan, cases=tuple(find_references(plan.cases, options.reference)))
    run = prepare(bundle, plan, changed, options.split, options.overwrite)
    if options.bids:
        described = describe_derivatives(options.source, plan, bundle, run.weights, options.split)
        run = replace(run, plan=replace(plan, described=described))
    warnings = tuple(_warnings(options, run))
    if warnings and options.strict:
        raise ValueError(" ".join(warnings))
    return PreparedImages(options, run, warnings)


def _planned(options: SegmentOptions, bundle: Bundle) -> Plan:
    """What the options ask for as a plan."""
    if options.bids:
        return plan_bids(
            options.source, options.output, bundle, options.split, options.bids_suffix, options.participants
        )
    if options.participants or options.bids_suffix:
        raise ValueError("--participant-label and --bids-suffix choose among images in BIDS. Add --bids.")
    parts = split_names(bundle.class_names) if options.split else ()
    return plan_run(options.source, options.output, parts)


def _warnings(options: SegmentOptions, run: PreparedRun) -> list[str]:
    warnings = [f"{folder}: cannot be searched, its images are left out." for folder in run.plan.unreadable]
    warnings += map(str, run.plan.warnings)
    known = run.bundle.metadata.get("weights", {}).get("models/model.pt", {}).get("sha256")
    shipped = run.bundle.folder / "models" / "model.pt"
    named = options.weights or run.bundle.weights != shipped
    if known is not None and not named and known != run.weights:
        text = "not the weights that metadata.json describes: trained here since, or damaged or replaced by someone."
        warnings.append(f"{shipped}: {text} Name them with --weights if you know them.")
    return warnings


def describe_images(prepared: PreparedImages) -> list[str]:
    """What will be done, for people."""
    options, run = prepared.options, prepared.run
    plan, standing, bundle = run.plan, run.standing, run.bundle
    names = ", ".join(bundle.class_names)
    device = bundle.parser.get_parsed_content("device")
    lines = [
        f"{bundle.folder.name}: {names}. Not a medical device; not for diagnostic use.",
        f"weights {run.weights[:12]}, runtime {bundle.parser.get('runtime', 'torch')}, {device}, {workers_of(options)}",
        f"{len(plan.cases)} cases in {options.source}: {len(standing.finished)} finished before, "
        f"{len(standing.todo)} to do; masks in {plan.output}{', one for each class' if options.split else ''}",
    ]
    if plan.passed_over:
        kinds = {"they are pictures beside volumes": True, "they are no images": False}
        for why, pictures in kinds.items():
            counts = [(suffix, count) for suffix, count in plan.passed_over if (suffix in PICTURE_SUFFIXES) == pictures]
            seen = ", ".join(f"{count} {suffix or 'others'}" for suffix, count in counts)
            lines += [f"passed over, for {why}: {seen}"] if seen else []
    if any(is_picture(case.images[0]) for case in plan.cases):
        lines.append(PICTURES_IN_PIXELS)
    lines += [f"passed over: {text}" for text in plan.left_out]
    if options.reference:
        count = sum(case.label is not None for case in plan.cases)
        lines.append(f"{count} of them have a reference in {options.reference}")
    if standing.foreign:
        lines.append(f"{len(standing.foreign)} masks are there that this would replace, as {standing.foreign[0]}")
    return [*lines, *(f"warning: {warning}" for warning in prepared.warnings)]


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
    segmenter = Segmenter(prepared.run.bundle)
    segmenter.load_runtime()
    journal, run = claim(prepared.run)
    return ClaimedImages(replace(prepared, run=run), journal, segmenter)


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
            report=claimed.write_report,
            executor_of=lambda tools: stack.enter_context(executor(options, run, tools)),
        )
    planned = {case.name: case for case in run.plan.cases if case.label is not None}
    records = [record.planned_as(planned[name]) for name, record in list(journal.records.items()) if name in planned]
    compare_cases(records, run.bundle.class_names, journal=journal)
