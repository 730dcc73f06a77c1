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
from monai_mobileunet.cohort.journal import read_records
from monai_mobileunet.cohort.outcome import log_line
from monai_mobileunet.data import DataError, Finding

__all__ = ["Executor", "Unfinished", "known_here", "supervise"]

ROUNDS = 3
"""How often a case is given out alone before some worker has taken it in hand."""

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
    left = _sorted_out(left, tools) + [Unfinished(case) for case in cases if case.attempts > 1]
    for _ in range(ROUNDS):
        if not left:
            return
        again = [replace(one.case, attempts=one.case.attempts + bool(one.why)) for one in left]
        left = _sorted_out(executor.segment(again, alone=True), tools)
        for one in left:
            if one.why:
                _put_aside(one, tools)
        left = [one for one in left if not one.why]
    for one in left:
        _put_aside(replace(one, why="no worker lived long enough to take it"), tools)


def _sorted_out(left: Sequence[Unfinished], tools: Tools) -> list[Unfinished]:
    """Cases that have no end on record; only those that a worker had in hand are to blame for its end."""
    if not any(one.why for one in left):
        return list(left)
    known, before, ended = read_records(tools.plan.state / tools.plan.journal), tools.journal.records, known_here(tools)
    rest = []
    for one in left:
        record = known.get(one.case.name)
        new = record is not None and record.settings == tools.settings and record != before.get(one.case.name)
        if record is not None and new and (record.done or record.failed):
            ended(record)  # the worker was killed when this was on disk, and not yet reported
        elif record is not None and new and record.attempts > one.case.attempts:
            rest.append(one)
        else:
            rest.append(Unfinished(one.case))
    return rest


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
        tools.tell(record)

    return ended
