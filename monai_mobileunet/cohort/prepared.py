"""A run over images before its first case: the bundle is opened, the images are found, and nothing is written."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cohort.bids import describe_derivatives, plan_bids
from monai_mobileunet.cohort.dicom_output import check_dicom_output
from monai_mobileunet.cohort.executors.choice import workers_of
from monai_mobileunet.cohort.options import SegmentOptions, bundle_changes, split_names
from monai_mobileunet.cohort.pairing import find_references
from monai_mobileunet.cohort.parts.dealing import Deal, find_deal, keep_deal, plan_part
from monai_mobileunet.cohort.parts.numbering import Part, find_part
from monai_mobileunet.cohort.plan import LIST_SUFFIX, Plan, plan_run
from monai_mobileunet.cohort.report import RunFacts
from monai_mobileunet.cohort.run import PreparedRun, prepare, refuse_foreign, spacing_of
from monai_mobileunet.data.names import PICTURE_SUFFIXES, PICTURES_IN_PIXELS, is_picture
from monai_mobileunet.evaluation import check_installed
from monai_mobileunet.output_form import OutputType
from monai_mobileunet.wording import counted

__all__ = ["PreparedImages", "deal_parts", "describe_images", "prepare_images"]


@dataclass(frozen=True)
class PreparedImages:
    """A run over images before its first case.

    Attributes:
        options: what was asked for.
        run: what will be done.
        warnings: what is doubtful about the run as a whole: its weights, and what could not be searched.
        part: the part of the cases that it has; ``None`` if it has them all.
        deal: which part each case has; ``None`` likewise.
    """

    options: SegmentOptions
    run: PreparedRun
    warnings: tuple[str, ...]
    part: Part | None = None
    deal: Deal | None = None

    @property
    def alone(self) -> bool:
        """Whether the input is a single image, which has no parts."""
        return _alone(self.options, self.run.plan)


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
    check_dicom_output(options.form, plan.cases)
    if options.reference:
        if not options.form.comparable:
            raise ValueError("--reference compares the masks of --output-type nifti or seg_nrrd. Add that.")
        check_installed("scipy")
        plan = replace(plan, cases=tuple(find_references(plan.cases, options.reference)))
    whole, part, deal = plan, _part(options, plan), None
    if part is not None:
        deal = find_deal(whole, part.count, spacing_of(bundle))
        plan = plan_part(whole, part, deal)
    run = prepare(bundle, plan, changed, options.form, options.overwrite)
    if options.bids:
        described = describe_derivatives(options.source, plan, bundle, run.weights, options.form.split)
        run = replace(run, plan=replace(plan, described=described))
    warnings = tuple(_warnings(options, run))
    if warnings and options.strict:
        raise ValueError(" ".join(warnings))
    return PreparedImages(options, replace(run, facts=_facts(options, run, whole, warnings)), warnings, part, deal)


def _part(options: SegmentOptions, plan: Plan) -> Part | None:
    """The part that this process has: a single image has none, and participants have one by options alone.

    A task of an array that names a participant of its own has all of that one's images.
    """
    if _alone(options, plan) or (options.participants and options.num_parts is None and options.part_id is None):
        return None
    return find_part(options.num_parts, options.part_id, os.environ)


def _alone(options: SegmentOptions, plan: Plan) -> bool:
    """Whether an image was named itself."""
    return len(plan.cases) == 1 and not options.source.is_dir() and options.source.suffix.lower() != LIST_SUFFIX


def deal_parts(prepared: PreparedImages, count: int) -> None:
    """Deal the cases for parts that will be started, so that none of these reads all headers.

    Raises:
        DataError: files in the masks' places that no run has written there.
        OSError: the output cannot be written to.
    """
    refuse_foreign(prepared.run)
    keep_deal(find_deal(prepared.run.plan, count, spacing_of(prepared.run.bundle)))


def _facts(options: SegmentOptions, run: PreparedRun, whole: Plan, warnings: tuple[str, ...]) -> RunFacts:
    """What a report says of a run, or of all parts of it alike, beside the cases."""
    settings = {"input": str(options.source), "runtime": run.bundle.parser.get("runtime", "torch")}
    settings |= {key: value for key, value in run.changed.items() if key != "ckpt_path"}
    settings |= {"pixels": PICTURES_IN_PIXELS} if any(is_picture(case.images[0]) for case in whole.cases) else {}
    return RunFacts(
        run.bundle.folder.name,
        run.weights,
        run.settings,
        settings,
        run.bundle.class_names,
        warnings,
        run.plan.journal,
        tuple(case.name for case in whole.cases),
        run.bundle.colours,
    )


def _planned(options: SegmentOptions, bundle: Bundle) -> Plan:
    """What the options ask for as a plan."""
    if options.bids:
        if OutputType.SEG_NRRD in options.form.types:
            raise ValueError("--bids writes NIfTI, as BIDS has it. Leave out --output-type seg_nrrd.")
        return plan_bids(
            options.source, options.output, bundle, options.form.split, options.bids_suffix, options.participants
        )
    if options.participants or options.bids_suffix:
        raise ValueError("--participant-label and --bids-suffix choose among images in BIDS. Add --bids.")
    parts = split_names(bundle.class_names) if options.form.split else ()
    return plan_run(options.source, options.output, parts, options.form)


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
        f"{counted(len(plan.cases), 'case')} in {options.source}: {len(standing.finished)} finished before, "
        f"{len(standing.todo)} to do; masks in {plan.output}{', one for each class' if options.form.split else ''}",
    ]
    if prepared.part is not None:
        lines.append(prepared.part.described(len(plan.cases), len(plan.names)))
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
        lines.append(
            f"{counted(len(standing.foreign), 'mask is', 'masks are')} there that this would "
            f"replace, as {standing.foreign[0]}"
        )
    return [*lines, *(f"warning: {warning}" for warning in prepared.warnings)]
