"""What is wrong with data, in words that name the file and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging import Logger
from os import PathLike

__all__ = [
    "INTACT",
    "DataError",
    "Finding",
    "causes",
    "ending_program",
    "find_data_error",
    "list_some",
    "listed",
    "log_unforeseen",
    "refusal",
    "root_cause",
    "set_entry",
    "warning",
    "why_failed",
]

SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what was found against what was expected, and what to do about it.

    Attributes:
        path: the file, or words for what is no file.
        problem: what was found, and what was expected.
        remedy: what to do about it, or what to type.
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


INTACT = "Replace it with an intact copy."


def refusal(path: str | PathLike, problem: str, remedy: str = INTACT) -> DataError:
    """The error of a single finding, to be raised; see :class:`Finding`."""
    return DataError([Finding(str(path), problem, remedy)])


def warning(path: str | PathLike, problem: str, remedy: str) -> Finding:
    """A finding that stops nothing; see :class:`Finding`."""
    return Finding(str(path), problem, remedy, warning=True)


def list_some(values: Sequence[object], most: int = 5, rest: str = ", …") -> str:
    """The first values of many for a message, and a sign that there are more.

    Args:
        values: to be listed.
        most: how many are.
        rest: behind those where there are more; ``{}`` in it stands for their number.
    """
    return ", ".join(map(str, values[:most])) + (rest.format(len(values) - most) if len(values) > most else "")


def set_entry(name: str, value: object) -> str:
    """What to type for another entry of a bundle's config, to commands of this package and to MONAI's."""
    return f"--set {name}={value} (python -m monai.bundle run: --{name} {value})"


def listed(names: Sequence[str]) -> str:
    """All names for a sentence: ``"a, b and c"``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


@contextmanager
def ending_program(wanted: bool, kind: type[Exception] = DataError) -> Iterator[None]:
    """End the program with the message of an error alone, where that is wanted.

    MONAI wraps every exception that is raised while it reads a config in one that says "failed to instantiate", so
    that the cause stands far up in a long traceback; :class:`SystemExit` passes through.
    """
    try:
        yield
    except kind as error:
        if wanted:
            raise SystemExit(f"error: {error}") from error
        raise


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, down to the bottom of the chain."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def root_cause(error: BaseException) -> str:
    """What an error says at the bottom of its chain, on one line; readers wrap theirs several times."""
    *_, error = causes(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def find_data_error(error: BaseException) -> DataError | None:
    """The :class:`DataError` in an error's chain, for MONAI wraps what a transform raises; ``None`` without one."""
    return next((link for link in causes(error) if isinstance(link, DataError)), None)


def why_failed(error: BaseException, name: str) -> str:
    """Why a case gave no mask; an error that MONAI's transforms have wrapped is quoted in its first words.

    Args:
        error: what was raised.
        name: of the image.
    """
    known = find_data_error(error)
    if known is not None:
        return "\n".join(map(str, known.findings))
    return f"{name}: was not segmented ({root_cause(error)}). The log has the details."


def log_unforeseen(logger: Logger, error: BaseException, name: str) -> None:
    """Log where an error comes from, unless it is one of data, whose message says all.

    Args:
        logger: of the module that caught it.
        error: what was raised.
        name: of the image.
    """
    if find_data_error(error) is None:
        logger.error("%s", name, exc_info=error)
