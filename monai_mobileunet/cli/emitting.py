"""A command as a script for a cluster: what was typed is quoted, and the cases are dealt ahead."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from monai_mobileunet.cli.command import option_of
from monai_mobileunet.cli.voice import say_plan
from monai_mobileunet.cohort.parts.emit import CPUS, PARTS, ArrayJob, Emit, array_script

if TYPE_CHECKING:
    from monai_mobileunet.cohort.options import SegmentOptions

__all__ = ["emit_script", "typed_arguments"]

SET_BY_SCRIPT = ("emit", "num_parts", "part_id", "threads", "dry_run")
"""Options that a script sets for each of its tasks, or that are of no use in it."""


def emit_script(context: typer.Context, kind: Emit, options: SegmentOptions, num_parts: int | None, keep: bool) -> None:
    """Print the script alone on stdout, and on stderr what it will do.

    Args:
        context: of the command that was typed.
        kind: the scheduler.
        options: of the run.
        num_parts: ``--num-parts``.
        keep: whether the deal of the cases is put on record, so that no task has to read all headers.

    Raises:
        ValueError: a command that cannot be an array job, or whose run would be refused.
    """
    from monai_mobileunet.cohort.prepared import deal_parts, describe_images, prepare_images

    if options.part_id is not None:
        raise ValueError("--part-id: the script names it for each task. Leave it out beside --emit.")
    if options.overwrite:
        problem = "a task that is started again would segment all of its cases again"
        raise ValueError(f"--overwrite: {problem}. Leave it out beside --emit, and name another folder for the output.")
    if options.workers or options.scheduler:
        problem = "the script starts one process for each part. Ask for more parts with --num-parts"
        raise ValueError(f"--workers, --scheduler: {problem}, and leave these out beside --emit.")
    prepared = prepare_images(options)
    if prepared.alone:
        raise ValueError(f"{options.source}: one image needs no array job. Leave out --emit.")
    say_plan(describe_images(prepared))
    parts = num_parts or min(PARTS, len(prepared.run.plan.cases))
    if keep:
        deal_parts(prepared, parts)
    job = ArrayJob(
        program=(sys.executable, "-m", "monai_mobileunet"),
        arguments=typed_arguments(context, SET_BY_SCRIPT),
        output=prepared.run.plan.output,
        folder=Path.cwd(),
        cases=len(prepared.run.plan.cases),
        parts=parts,
        cpus=options.threads or CPUS,
    )
    typer.echo(os.fsencode(array_script(kind, job)), nl=False)


def typed_arguments(context: typer.Context, without: Collection[str]) -> list[str]:
    """The arguments and options of a command as they were typed, each as an option in its long form.

    Args:
        context: of the command.
        without: names of the parameters that are left out.
    """
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in context.params or source is None or source.name != "COMMANDLINE" or name in without:
            continue
        given, option = context.params[name], option_of(context.command, parameter)
        if isinstance(given, bool):
            words.append(option if given else parameter.secondary_opts[0])
        else:
            values = given if isinstance(given, list | tuple) else [given]
            words += [word for value in values for word in (option, str(value))]
    return words
