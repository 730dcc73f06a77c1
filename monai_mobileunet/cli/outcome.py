"""What came of cases, on the console: each warning and each failure once, with its text and the cases that have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from monai_mobileunet.cli.terminal import say_error
from monai_mobileunet.cli.voice import say, say_warning
from monai_mobileunet.wording import same_texts

if TYPE_CHECKING:
    from monai_mobileunet.case_record import CaseRecord

__all__ = ["list_sizes", "list_troubled", "list_warnings"]

LISTED = 20
"""Different warnings or failures that are listed; the report has all."""

FEW = 10
"""Cases up to which the sizes of their classes are listed."""


def list_sizes(records: Sequence[CaseRecord]) -> None:
    """How large the classes of a few cases are, a line for each; nothing for many."""
    from monai_mobileunet.reports.sizes import sizes_line

    done = [record for record in records if record.done]
    for record in done if len(done) <= FEW else ():
        say(f"{record.name}: {sizes_line(record)}")


def list_warnings(records: Iterable[CaseRecord], of_run: Iterable[str] = ()) -> None:
    """The warnings about a run, and those of its cases."""
    for warning in of_run:
        say_warning(warning)
    texts = same_texts((record.name, text) for record in records for text in record.warnings)
    for text in texts[:LISTED]:
        say_warning(text)
    if len(texts) > LISTED:
        say_warning(f"and {len(texts) - LISTED} more, in report.csv")


def list_troubled(records: Iterable[CaseRecord]) -> None:
    """Why cases have no mask, or why their reference was of no use."""
    texts = same_texts((record.name, record.trouble) for record in records if record.trouble)
    for text in texts[:LISTED]:
        say_error(text)
    if len(texts) > LISTED:
        say_error(f"and {len(texts) - LISTED} more, in report.csv")
