"""What is wrong with data, in words that name the file and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DataError", "Finding", "find_data_error", "root_cause"]

SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what was found against what was expected, and how to mend it.

    Attributes:
        path: the file, or words for what is no file.
        problem: what was found, and what was expected.
        remedy: how to mend it.
        warning: the image can be worked with, but the result may not mean what it seems to.
    """

    path: str
    problem: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.problem} {self.remedy}"


class DataError(ValueError):
    """Data that cannot be used; the message lists the findings, the first 20 of them in full.

    Args:
        findings: what is wrong; at least one.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = [str(finding) for finding in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"… and {len(self.findings) - SHOWN} more.")
        if len(self.findings) > 1:
            lines = [f"{len(self.findings)} problems:", *(f"  - {line}" for line in lines)]
        super().__init__("\n".join(lines))


def root_cause(error: BaseException) -> str:
    """What an error says at the bottom of its chain, on one line; readers wrap theirs several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def find_data_error(error: BaseException) -> DataError | None:
    """The :class:`DataError` in an error's chain, for MONAI wraps what a transform raises; ``None`` without one."""
    chained: BaseException | None = error
    while chained is not None and not isinstance(chained, DataError):
        chained = chained.__cause__ or chained.__context__
    return chained
