"""Carry out a plan: cases read ahead, segmented one by one, written behind; each on record when it is on disk.

Here is only the order of things. What is done to a case, and all that touches its files, are stages of
:class:`CaseInHand`, and stand behind its guard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.case_in_hand import CaseInHand, Tools
from monai_mobileunet.cohort.case_pictures import PICTURES
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.cohort.memory import Budget

__all__ = ["segment_cases"]


def segment_cases(cases: Iterable[CaseRecord], tools: Tools, num_workers: int = 1) -> None:
    """Segment cases; one that fails stops no other.

    While the network works on a case, the next ones are read and the one before is written. How many are in memory
    at once is bounded by ``num_workers`` and by :class:`Budget`: a volume that is large for this machine is alone.

    Args:
        cases: the cases, with what earlier runs have left of them; each is asked for when there is room for it.
        tools: what the cases share.
        num_workers: threads that read and preprocess ahead; 0 does one thing after the other.

    Raises:
        OutputError: the output cannot be written to any more.
    """
    try:
        for folder in (tools.plan.state / PICTURES, tools.scratch):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{error.filename}: cannot be made ({error.strerror}).") from error
    in_hand = (CaseInHand(case, tools) for case in cases)
    if num_workers:
        _Overlapped(num_workers, tools.budget)(in_hand)
    else:
        for case in in_hand:
            _one_after_the_other(case)


class _Overlapped:
    """Cases read ahead, segmented, and written behind."""

    def __init__(self, num_workers: int, budget: Budget) -> None:
        self.num_workers, self.budget = num_workers, budget

    def __call__(self, cases: Iterator[CaseInHand]) -> None:
        """Read ahead, segment, and write behind."""
        writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        readers = ThreadPoolExecutor(self.num_workers, thread_name_prefix="reader")
        written: deque[Future] = deque()
        try:
            for case, size, read in self._read_ahead(cases, readers):
                read.result()
                case.predict()
                while written and (written[0].done() or len(written) > 1):
                    written.popleft().result()
                job = writer.submit(_write_and_end, case)
                job.add_done_callback(partial(_give_back, self.budget, size))
                written.append(job)
                del case  # the next one is waited for without this one's memory
            for job in written:
                job.result()
        finally:
            readers.shutdown(cancel_futures=True)
            writer.shutdown()

    def _read_ahead(
        self, cases: Iterator[CaseInHand], readers: ThreadPoolExecutor
    ) -> Iterator[tuple[CaseInHand, int, Future]]:
        """Cases in their order with the bytes taken for them, each prepared while those before it are segmented."""
        waiting: deque[tuple[CaseInHand, int, Future]] = deque()
        following = _looked_at(next(cases, None))
        while following is not None or waiting:
            while following is not None and len(waiting) <= self.num_workers:
                size = following.size
                if not self.budget.take(size, wait=not waiting):
                    break
                waiting.append((following, size, readers.submit(following.prepare)))
                following = _looked_at(next(cases, None))
            yield waiting.popleft()


def _looked_at(case: CaseInHand | None) -> CaseInHand | None:
    if case is not None:
        case.look()
    return case


def _one_after_the_other(case: CaseInHand) -> None:
    case.look()
    case.prepare()
    case.predict()
    _write_and_end(case)


def _write_and_end(case: CaseInHand) -> None:
    case.write()
    case.end()


def _give_back(budget: Budget, size: int, job: Future) -> None:
    budget.give_back(size)
