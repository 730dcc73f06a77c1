"""Whom a case is of, by its name: what patterns of names tell, and a function of names for a bundle's config."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

__all__ = ["PATTERNS", "find_pattern", "guess_pattern", "subject_by_pattern"]

FEWEST_SUBJECTS = 5
"""Into fewer groups no pattern is guessed to divide a data set: they would be sites or visits, not subjects."""

PATTERNS = (
    r"(?:^|/)(sub-[A-Za-z0-9]+)",
    r"(?i)(?:^|[/_-])((?:patient|subject|pat|subj|sub|pt|case|id)[_-]?\d+)(?=[/_-])",
    r"^([^/]+)/",
    r"(?i)^(.+?)[_-](?:frame|time|tp|visit|ses|scan|phase|day|left|right|lh|rh)[_-]?\d*$",
)
"""How names tell of subjects with several cases, the most certain first: BIDS, patients by number, folders, times."""


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
