"""The report of a run, written at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monai_mobileunet.cli.arguments import AsJson, input_argument
from monai_mobileunet.cli.outcome import list_troubled, list_warnings
from monai_mobileunet.cli.terminal import fail, say_error
from monai_mobileunet.cli.voice import conclude, document
from monai_mobileunet.importing import uncollected

__all__ = ["report"]


def report(
    source: Annotated[Path, input_argument("Folder of the masks that mobileunet segment writes.")],
    as_json: AsJson = False,
) -> None:
    """Write the report of a run from its records, at any time: also while it runs, in one part or in many.

    Exit code 0: all cases have a mask. 1: some failed or are left, or the report cannot be written. 2: the folder holds
    no run.

    Not a medical device; not for diagnostic use.
    """
    with uncollected():
        from monai_mobileunet.cohort.report import report_run, summary_line

    try:
        made, files = report_run(source)
    except ValueError as error:
        say_error(error)
        raise typer.Exit(2) from error
    except OSError as error:
        fail(error, f"{error.filename or source}: cannot be read or written ({error.strerror}).")
    troubled = [row for row in made.rows if row.trouble]
    list_warnings(made.rows, made.warnings)
    list_troubled(troubled)
    line = f"{summary_line(made.rows, made.left)}. {', '.join(map(str, files))}"
    conclude(line)
    if document.wanted:
        document.write(files[0].read_text(encoding="utf-8"))
    if troubled or made.left:
        raise typer.Exit(1)
