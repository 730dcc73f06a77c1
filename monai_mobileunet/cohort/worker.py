"""Carry out a plan: cases read ahead, segmented one by one, written behind; each on record when it is on disk.

Here is only the order of things. What is done to a case, and all that touches its files, are stages of
:class:`CaseInHand`, and stand behind its guard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from monai_mobileunet.cohort.case_in_hand import PICTURES, SCRATCH, CaseInHand, RunOptions, Tools
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.memory import Budget
from monai_mobileunet.cohort.plan import Plan, PlannedCase
from monai_mobileunet.reports.case_row import CaseRow
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["OutputError", "Run", "RunOptions"]

Note = Callable[[CaseRow], None]


@dataclass
class Run:
    """A plan being carried out; one case that fails stops no other.

    While the network works on a case, the next ones are read and the one before is written. How many are in memory
    at once is bounded by ``num_workers`` and by :class:`Budget`: a volume that is large for this machine is alone.

    Attributes:
        plan: what the cases belong to.
        segmenter: of the bundle.
        journal: gets a record when a case is taken in hand, and one after its masks are on disk.
        options: how.
        note: called with the row of each case when it is done.
    """

    plan: Plan
    segmenter: Segmenter
    journal: Journal
    options: RunOptions
    note: Note = lambda row: None

    def __call__(self, cases: Sequence[PlannedCase]) -> None:
        """Segment cases.

        Raises:
            OutputError: the output cannot be written to any more.
        """
        budget = Budget()
        tools = Tools(self.plan.output, self.segmenter, self.journal, self.options, budget, self.note)
        try:
            for folder in (PICTURES, SCRATCH):
                (tools.state / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{error.filename}: cannot be made ({error.strerror}).") from error
        # one of these may be what ended a run: alone in hand, the next end would be its own
        doubtful = {name for name, record in self.journal.records.items() if record.begun > 1}
        alone = [case for case in cases if not self.options.num_workers or case.name in doubtful]
        for case in alone:
            _one_after_the_other(CaseInHand(case, tools))
        if len(alone) < len(cases):
            self._overlapped((CaseInHand(case, tools) for case in cases if case.name not in doubtful), budget)

    def _overlapped(self, cases: Iterator[CaseInHand], budget: Budget) -> None:
        """Read ahead, segment, and write behind."""
        writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        readers = ThreadPoolExecutor(self.options.num_workers, thread_name_prefix="reader")
        written: deque[Future] = deque()
        try:
            for case, size, read in self._read_ahead(cases, readers, budget):
                read.result()
                case.predict()
                while written and (written[0].done() or len(written) > 1):
                    written.popleft().result()
                job = writer.submit(_write_and_end, case)
                job.add_done_callback(partial(_give_back, budget, size))
                written.append(job)
                del case  # the next one is waited for without this one's memory
            for job in written:
                job.result()
        finally:
            readers.shutdown(cancel_futures=True)
            writer.shutdown()

    def _read_ahead(
        self, cases: Iterator[CaseInHand], readers: ThreadPoolExecutor, budget: Budget
    ) -> Iterator[tuple[CaseInHand, int, Future]]:
        """Cases in their order with the bytes taken for them, each prepared while those before it are segmented."""
        waiting: deque[tuple[CaseInHand, int, Future]] = deque()
        following = _looked_at(next(cases, None))
        while following is not None or waiting:
            while following is not None and len(waiting) <= self.options.num_workers:
                size = following.size
                if not budget.take(size, wait=not waiting):
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
