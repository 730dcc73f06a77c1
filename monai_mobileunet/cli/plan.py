"""A complete bundle from one's own data."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from monai_mobileunet.cli import plan_options as asked
from monai_mobileunet.cli.arguments import (
    AsJson,
    Ignore,
    bundle_folder,
    class_option,
    input_argument,
    output_option,
    overrides,
    set_option,
)
from monai_mobileunet.cli.planned import explain_decision, say_what_is_next, show_plan, show_reused
from monai_mobileunet.cli.terminal import console, fail, steps
from monai_mobileunet.cli.voice import conclude, document, say_warning, show_findings, shows_progress

if TYPE_CHECKING:
    from monai_mobileunet.data import Finding
    from monai_mobileunet.planning.fingerprint import Fingerprint
    from monai_mobileunet.planning.rules import Known, Options
    from monai_mobileunet.planning.start import Origin

__all__ = ["plan"]


def plan(
    data: Annotated[
        Path | None, input_argument("Folder of the training set. With --explain it may be a bundle.")
    ] = None,
    output: Annotated[Path | None, output_option("New folder for the bundle.")] = None,
    class_names: Annotated[
        list[str] | None, class_option("Name of class 1, then of class 2, and so on; by default those in dataset.json.")
    ] = None,
    modality: asked.Modality = "",
    budget: asked.Budget = "1h",  # type: ignore[assignment]  # as it is typed; the parser gives seconds
    spacing: asked.Spacing = None,
    like: asked.Like = None,
    planes: asked.Planes = "",
    subject: asked.Subject = "",
    subjects: asked.Subjects = None,
    leave_out: asked.LeaveOut = None,
    ignore: Ignore = None,
    annotated_slices_only: asked.AnnotatedSlicesOnly = False,
    origin: asked.Origin = None,
    changes: Annotated[
        list[str] | None, set_option("Decision that replaces the one of its rule", "as context=2")
    ] = None,
    apply: asked.Apply = None,
    explain: asked.Explain = "",
    as_json: AsJson = False,
) -> None:
    """Plan a training: read a training set, and write a complete bundle for it.

    The plan decides the network, the spacing, the intensities and the length of the training. Errors that mobileunet
    check finds end it. Every decision has its reason in plan.json. Edit it there, and apply it with --apply.
    """
    size, code, wanted = asked.parse_spacing(spacing), asked.parse_modality(modality), asked.parse_planes(planes)
    set_by_user = overrides(changes or [])
    if apply is None and data is None:
        raise typer.BadParameter("Name the folder of a training set, or a bundle with --apply.", param_hint="INPUT")
    if spacing is not None and like is not None:
        raise typer.BadParameter("Give one of --spacing and --like.", param_hint="--like")
    if subject and subjects is not None:
        raise typer.BadParameter("Give one of --subject and --subjects.", param_hint="--subjects")
    if apply is None and output is None and not explain:
        raise typer.BadParameter("Name a new folder for the bundle with -o.", param_hint="--output")
    from monai_mobileunet.planning import Plan
    from monai_mobileunet.planning.plan import PLAN
    from monai_mobileunet.planning.rules import Options
    from monai_mobileunet.planning.start import open_origin

    try:
        if apply is not None:
            _apply(apply)
            return
        assert data is not None
        if explain and (data / PLAN).is_file():
            explain_decision(Plan.read(data), explain)
            return
        options = Options(
            spacing=_spacing_of(like) if like else size,
            like=like.name if like else "",
            planes=wanted,
            budget=budget,
            modality=code,
            subject_pattern=subject or ("" if subjects else _guessed(data)),
            ignore=ignore,
            annotated_slices_only=annotated_slices_only,
            overrides=set_by_user,
        )
        start = open_origin(bundle_folder(origin, "--from")) if origin else None
        options = replace(options, source=start.source if start else None)
        _plan(data, output, options, class_names or [], leave_out or [], explain, start, subjects)
    except (ValueError, OSError) as error:
        fail(error)


def _apply(bundle: Path) -> None:
    from monai_mobileunet.data.errors import refusal
    from monai_mobileunet.planning import apply_plan
    from monai_mobileunet.planning.plan import PLAN

    if not (bundle / PLAN).is_file():
        remedy = "Name a bundle that mobileunet plan wrote; to write one, type mobileunet plan DATA -o NEW_FOLDER."
        raise refusal(bundle, f"has no {PLAN}.", remedy)
    changed = apply_plan(bundle)
    for path in changed:
        conclude(f"{path}: written")
    if not changed:
        conclude(f"{bundle}: all files are as its plan says")
    document.write({"bundle": str(bundle), "written": list(map(str, changed))})


def _guessed(data: Path) -> str:
    """The pattern by which names tell of subjects with several cases; empty where they do not."""
    from monai_mobileunet.data import find_all_cases
    from monai_mobileunet.data.datasets.naming import name_of
    from monai_mobileunet.data.datasets.subjects import guess_pattern

    return guess_pattern([name_of(case) for case in find_all_cases(data)]) or ""


def _spacing_of(image: Path) -> tuple[float, float, float]:
    """Along the axes of the body."""
    import numpy as np

    from monai_mobileunet.data import read_volume

    volume = read_volume(image)
    along = [volume.spacing[axis] for axis in np.abs(volume.affine[:3, :3] / volume.spacing).argmax(1)]
    return float(along[0]), float(along[1]), float(along[2])


def _plan(
    data: Path,
    output: Path | None,
    options: Options,
    names: Sequence[str],
    leave_out: Sequence[str],
    explain: str,
    origin: Origin | None,
    subjects: Path | None,
) -> None:
    from monai_mobileunet.planning.planner import check_folder, write_bundle
    from monai_mobileunet.planning.rules import as_plan, decide, warnings_of
    from monai_mobileunet.planning.rules.budget import expected_seconds
    from monai_mobileunet.planning.start import started_from

    if output is not None:
        check_folder(output)
    findings, fingerprint = _measured(data, options, subjects, names, leave_out)
    options = replace(options, device=_device())
    known = decide(fingerprint, options)
    if explain:
        explain_decision(started_from(as_plan(known), origin) if origin else as_plan(known), explain)
        return
    assert output is not None
    known = _timed(known)
    planned = started_from(as_plan(known), origin) if origin else as_plan(known)
    warnings, seconds = warnings_of(known), expected_seconds(known)
    write_bundle(planned, output, known.fingerprint, origin.weights if origin else None)
    show_plan(planned)
    show_reused(planned)
    for text in (warnings := [*warnings, *filter(None, [_busy()])]):
        say_warning(text)
    conclude(f"{output}: written")
    say_what_is_next(seconds, options.device, output)
    about = {"bundle": str(output), "device": options.device, "training_seconds": seconds}
    found = {"findings": list(map(asdict, findings)), "warnings": warnings}
    document.write({**about, **found, "plan": planned.to_json()})


def _subject_of(data: Path, table: Path | None, pattern: str) -> Callable[[str], str] | None:
    """Whom a case is of, as the user says."""
    from monai_mobileunet.data import find_all_cases, subject_by_pattern
    from monai_mobileunet.data.datasets.naming import name_of
    from monai_mobileunet.data.datasets.subjects import read_subjects
    from monai_mobileunet.data.errors import list_some, refusal

    if table is not None:
        return read_subjects(table, [name_of(case) for case in find_all_cases(data)]).__getitem__
    if not pattern:
        return None
    subject_of, names = subject_by_pattern(pattern), [name_of(case) for case in find_all_cases(data)]
    if all(subject_of(name) == name for name in names):
        remedy = "Write a regular expression whose first group is the subject, as 'p([0-9]+)'."
        raise refusal(f"--subject {pattern}", f"finds no subject in the names; there are {list_some(names)}.", remedy)
    return subject_of


def _measured(
    data: Path, options: Options, subjects: Path | None, names: Sequence[str], leave_out: Sequence[str]
) -> tuple[list[Finding], Fingerprint]:
    """What check finds, and the fingerprint; errors end the command."""
    from monai_mobileunet.data import find_all_cases
    from monai_mobileunet.planning.measuring import inspect_dataset

    with Progress(console=console, disable=not shows_progress()) as progress:
        bar = progress.add_task("reading", total=len(find_all_cases(data)) - len(leave_out))
        findings, fingerprint = inspect_dataset(
            data,
            names,
            _subject_of(data, subjects, options.subject_pattern),
            leave_out,
            lambda: progress.advance(bar),
            ignore=options.ignore,
            annotated_slices_only=options.annotated_slices_only,
        )
    show_findings(findings)
    if fingerprint is None:
        raise typer.Exit(1)
    return findings, fingerprint


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _busy() -> str:
    """That other programs slowed down what was timed; empty where they did not, or where nothing tells."""
    load, cores = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, os.cpu_count() or 1
    if load <= 1.5 * cores:
        return ""
    return (
        f"This machine is busy (load {load:.1f} on {cores} cores), and steps were timed as they are now: with the "
        "machine to itself a training has time for more epochs."
    )


def _timed(known: Known) -> Known:
    """What is decided once steps of the network were timed."""
    from monai_mobileunet.planning.probe import decide_by_time

    with steps() as show_step:
        show_step("timing steps of the network on this machine")
        return decide_by_time(known)
