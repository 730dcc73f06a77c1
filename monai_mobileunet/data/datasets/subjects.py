"""Whom a case is of, by its name: what patterns of names tell, and a function of names for a bundle's config."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from monai_mobileunet.data.errors import list_some, refusal
from monai_mobileunet.data.names import case_name, without_suffix
from monai_mobileunet.wording import counted

__all__ = ["PATTERNS", "find_pattern", "guess_pattern", "read_subjects", "subject_by_pattern"]

FEWEST_SUBJECTS = 5
"""Into fewer groups no pattern is guessed to divide a data set: they would be sites or visits, not subjects."""

PATTERNS = (
    r"(?:^|/)(sub-[A-Za-z0-9]+)",
    r"(?i)(?:^|[/_-])((?:patient|subject|pat|subj|sub|pt|case|id)[_-]?\d+)(?=[/_-])",
    r"^([^/]+)/",
    r"(?i)^(.+?)[_-](?:frame|time|tp|visit|ses|scan|phase|day|left|right|lh|rh)[_-]?\d*$",
)
"""How names tell of subjects with several cases, the most certain first: BIDS, patients by number, folders, times."""

CASE_COLUMNS = ("case", "case_id", "name", "image", "file", "filename", "scan")
SUBJECT_COLUMNS = ("subject", "subject_id", "patient", "patient_id", "participant_id", "participant")
"""What tables call the case and whom it is of, in any capitals."""


def read_subjects(table: Path, names: Sequence[str]) -> dict[str, str]:
    """The subject of each case, from a table with a column of cases and one of subjects.

    Args:
        table: CSV, or with tabs as the ``participants.tsv`` of BIDS; in UTF-8. Cases are given by their names, or by
            the file names of their images. Rows of other cases are passed over: it may be the table of a whole study.
        names: of the cases of the data set.

    Raises:
        DataError: it cannot be read, has no such columns, or a case is not in it, or twice with different subjects.
    """
    try:
        lines = table.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read ({error.strerror if isinstance(error, OSError) else 'it is no UTF-8'})."
        raise refusal(table, problem, "Name a table in UTF-8 with --subjects.") from error
    delimiter = max("\t;,", key=lines[0].count) if lines else ","
    rows = list(csv.DictReader(lines, delimiter=delimiter))
    columns = {str(column).strip().casefold(): column for column in (rows[0] if rows else {})}
    case = next((columns[name] for name in CASE_COLUMNS if name in columns), None)
    subject = next((columns[name] for name in SUBJECT_COLUMNS if name in columns), None)
    if case is None or subject is None:
        held = f"has the columns {list_some(list(columns))}" if columns else "has no rows under a line of columns"
        raise refusal(table, f"{held}; expected 'case' and 'subject'.", f"Write case,subject and {names[0]},s01.")
    found: dict[str, str] = {}
    for row in rows:
        given, of = (row[case] or "").strip(), (row[subject] or "").strip()
        for name in {given, without_suffix(given), case_name(given), case_name(given).removesuffix("_0000")} & {*names}:
            if not of or found.setdefault(name, of) != of:
                problem = f"says that {name} is of {found.get(name) or 'nobody'}" + (f" and of {of}." if of else ".")
                raise refusal(table, problem, "Name one subject for each case.")
    missing = [name for name in names if name not in found]
    if missing:
        unknown = [str(row[case]) for row in rows if case_name(str(row[case])).removesuffix("_0000") not in found]
        others = f"; its {list_some(unknown)} are no cases of the data set" if unknown else ""
        problem = f"has no row for {len(missing)} of {counted(len(names), 'case')}: {list_some(missing)}{others}."
        raise refusal(table, problem, "Add a row for each case, with its name as it is here.")
    return found


def subject_by_pattern(pattern: str) -> Callable[[str], str]:
    """A function from a case's name to its subject, for ``subject_of`` in a bundle's ``train.json``.

    Args:
        pattern: regular expression; its first group, or all of it without groups, is the subject. A name in which it is
            not found is a subject of its own.

    Raises:
        ValueError: no regular expression.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error}).") from error

    def subject_of(name: str) -> str:
        found = expression.search(name)
        return found.group(1 if expression.groups else 0) or name if found else name

    return subject_of


def find_pattern(subjects: Mapping[str, str]) -> str | None:
    """The pattern that groups names as their subjects do; ``None`` if none of :data:`PATTERNS` does.

    Args:
        subjects: by the name of the case; what they are called does not matter.
    """
    wanted = _groups(subjects)
    for pattern in PATTERNS:
        subject_of = subject_by_pattern(pattern)
        if _groups({name: subject_of(name) for name in subjects}) == wanted:
            return pattern
    return None


def guess_pattern(names: Sequence[str]) -> str | None:
    """The pattern by which the cases of a data set seem to share subjects; ``None`` where names tell of none.

    Args:
        names: of all cases. A pattern has to be found in each of them, and to make fewer subjects than cases.
    """
    for pattern in PATTERNS:
        subject_of = subject_by_pattern(pattern)
        subjects = {subject_of(name) for name in names}
        if all(re.search(pattern, name) for name in names) and FEWEST_SUBJECTS <= len(subjects) < len(names):
            return pattern
    return None


def _groups(subjects: Mapping[str, str]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for name, subject in subjects.items():
        groups.setdefault(subject, set()).add(name)
    return set(map(frozenset, groups.values()))
