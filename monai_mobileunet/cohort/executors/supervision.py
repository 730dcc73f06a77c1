"""Where the cases of a run are segmented: in this process, in several, or on a cluster. The masks are the same.

An executor segments cases and returns those that it could not: their worker was killed, or they need more memory than
a worker's share. :func:`supervise` gives each of these a second chance alone, so that a case which ends every worker
that takes it is found, and no other case has to suffer for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.case_in_hand import CaseInHand, Tools
from monai_mobileunet.cohort.outcome import log_line
from monai_mobileunet.data import DataError, Finding

__all__ = ["Executor", "Unfinished", "known_here", "supervise"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unfinished:
    """A case without an end.

    Attributes:
        case: as it was given.
        why: what happened to its worker, in words; empty if it waits for a worker with more memory.
    """

    case: CaseRecord
    why: str = ""


class Executor(Protocol):
    """Where cases are segmented."""

    def segment(self, cases: Sequence[CaseRecord], alone: bool = False) -> list[Unfinished]:
        """Segment cases; what becomes of each goes on record as soon as it has ended.

        Args:
            cases: the cases.
            alone: one after the other, each with all the memory that there is.

        Raises:
            OutputError: the output cannot be written to any more.
            WorkerError: there is nobody who segments.
        """


def supervise(executor: Executor, cases: Sequence[CaseRecord], tools: Tools) -> None:
    """Segment cases so that none can end the run.

    Cases that were in hand when a run was killed twice come last and alone, as do those whose worker ends now.

    Args:
        executor: where they are segmented.
        cases: the cases, with what earlier runs have left of them.
        tools: what this process has of the run: its journal, and how it shows what has ended.

    Raises:
        OutputError, WorkerError: as the executor does.
    """
    left = executor.segment([case for case in cases if case.attempts <= 1])
    left += [Unfinished(case) for case in cases if case.attempts > 1]
    if not left:
        return
    again = [replace(one.case, attempts=one.case.attempts + 1) if one.why else one.case for one in left]
    for one in executor.segment(again, alone=True):
        _put_aside(one, tools)


def _put_aside(one: Unfinished, tools: Tools) -> None:
    """Put on record that a case ends its workers; the next run tries it again."""
    problem = f"ended the worker that segmented it, among others and then alone ({one.why})."
    remedy = "Crop it, or segment it on a machine with more memory."
    case = CaseInHand(replace(one.case, settings=tools.settings), tools)
    case.failure = DataError([Finding(str(one.case.images[0]), problem, remedy)])
    case.end()


def known_here(tools: Tools) -> Callable[[CaseRecord], None]:
    """What is done in this process with the record of a case that has ended in another one."""

    def ended(record: CaseRecord) -> None:
        tools.journal.note(record)
        logger.log(*log_line(record))
        tools.show(record)

    return ended
