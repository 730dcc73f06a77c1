"""What a person found on looking at masks: a verdict for each case, kept in a table beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from monai_mobileunet.data.errors import DataError, refusal
from monai_mobileunet.data.files import write_text
from monai_mobileunet.wording import readable

__all__ = ["REVIEW", "Quality", "Verdict", "find_verdicts", "read_verdicts", "write_verdicts"]

REVIEW = "review.csv"
"""Name of the table in the folder of a run or an evaluation."""

COLUMNS = ("case", "verdict", "note", "time")


class Quality(StrEnum):
    """What a mask is good for."""

    GOOD = "good"
    FIX = "fix"
    BAD = "bad"


@dataclass(frozen=True)
class Verdict:
    """What a person found on looking at a mask.

    Attributes:
        quality: good, to be fixed by hand, or of no use.
        note: the person's own words.
        time: when it was found, in UTC, as ``2026-01-31T12:00:00+00:00``; empty if it is not known.
    """

    quality: Quality
    note: str = ""
    time: str = ""

    @classmethod
    def given_now(cls, quality: str, note: str = "") -> Verdict:
        """A verdict with the present time.

        Raises:
            ValueError: the word for the quality is none of good, fix and bad.
        """
        return cls(_quality(quality), note, datetime.now(UTC).isoformat(timespec="seconds"))


def _quality(word: str) -> Quality:
    known = word.strip().lower()
    if known not in set(Quality):
        raise ValueError(f"the verdict is {word!r}; expected one of {', '.join(Quality)}.")
    return Quality(known)


def read_verdicts(folder: Path) -> dict[str, Verdict]:
    """The verdicts that lie in a folder, by the name of the case as the tables of a report write it.

    Args:
        folder: output of a run or an evaluation.

    Returns:
        The verdicts, in the order of the table; none where there is no table.

    Raises:
        DataError: the table is malformed, or holds an unknown verdict; the message names the file and the line.
        OSError: it cannot be read.
    """
    path = folder / REVIEW
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheet programs begin with a mark of the encoding
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _malformed(path, line, "is not written in UTF-8.") from error
    head, _, _ = text.partition("\n")
    separator = ";" if ";" in head else ","  # spreadsheet programs write ; where the comma stands in numbers
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    verdicts: dict[str, Verdict] = {}
    try:
        if tuple(next(lines, ())) != COLUMNS:
            raise ValueError(f"is {head!r}; expected {','.join(COLUMNS)}.")
        for row in filter(any, lines):
            name, verdict = _verdict(row)
            if name in verdicts:
                raise ValueError(f"names the case {name} again.")
            verdicts[name] = verdict
    except (ValueError, csv.Error) as error:
        problem = f"cannot be read ({error})." if isinstance(error, csv.Error) else str(error)
        raise _malformed(path, max(1, lines.line_num), problem) from error
    return verdicts


def _verdict(row: list[str]) -> tuple[str, Verdict]:
    if len(row) != len(COLUMNS):
        raise ValueError(f"has {len(row)} columns; expected {len(COLUMNS)}: {', '.join(COLUMNS)}.")
    name, quality, note, time = row
    if not name:
        raise ValueError("names no case.")
    return name, Verdict(_quality(quality), note, time)


def _malformed(path: Path, line: int, problem: str) -> DataError:
    remedy = "Correct that line and save the table as CSV in UTF-8, or remove the file to begin a new review."
    return refusal(f"{path}, line {line}", problem, remedy)


def find_verdicts(folder: Path) -> tuple[dict[str, Verdict], str]:
    """The same for reports, which are made whatever the table holds.

    Returns:
        The verdicts, and why there are none where the table cannot be read; otherwise an empty text.
    """
    try:
        return read_verdicts(folder), ""
    except (DataError, OSError) as error:
        return {}, str(error)


def write_verdicts(folder: Path, verdicts: Mapping[str, Verdict]) -> Path:
    """Write the verdicts of a folder, in the place of those that it had, whole or not at all.

    Args:
        folder: output of a run or an evaluation, which has to be there.
        verdicts: by the name of the case.

    Returns:
        The table.

    Raises:
        OSError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, verdict in verdicts.items():
        writer.writerow((readable(name), verdict.quality.value, verdict.note, verdict.time))
    write_text(folder / REVIEW, text.getvalue())
    return folder / REVIEW
