"""Executors on this machine: the threads of this process, and child processes."""

from __future__ import annotations

import glob
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.case_in_hand import SCRATCH, Tools
from monai_mobileunet.cohort.executors.order import Order
from monai_mobileunet.cohort.executors.slot import STARTS, Answer, Slot, WorkerError
from monai_mobileunet.cohort.executors.supervision import Unfinished
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.cohort.memory import free_memory
from monai_mobileunet.cohort.plan import STATE
from monai_mobileunet.cohort.presence import process_name
from monai_mobileunet.cohort.worker import segment_cases

__all__ = ["Here", "Processes"]

logger = logging.getLogger(__name__)


class Here:
    """The threads of this process.

    Args:
        tools: what the cases share.
        num_workers: threads that read and preprocess ahead; 0 does one thing after the other.
    """

    def __init__(self, tools: Tools, num_workers: int) -> None:
        self._tools, self._num_workers = tools, num_workers

    def segment(self, cases: Sequence[CaseRecord], alone: bool = False) -> list[Unfinished]:
        """Segment cases; see :class:`Executor`. Nothing is left: what ends this process ends the run."""
        segment_cases(cases, self._tools, 0 if alone else self._num_workers)
        return []


class _Queue:
    """Cases that several workers take from.

    Args:
        cases: the cases, in their order.

    Attributes:
        known: all of them, by name.
        waiting: those that no worker has taken.
    """

    def __init__(self, cases: Sequence[CaseRecord]) -> None:
        self.known = {case.name: case for case in cases}
        self.waiting = deque(cases)

    def next(self) -> dict[str, Any] | None:
        """The next one as JSON; ``None`` if there is no more."""
        try:
            return self.waiting.popleft().as_json()
        except IndexError:  # another worker took the last one
            return None


class Processes:
    """Child processes of this one, each with the network loaded; one that is killed is started again.

    Args:
        order: the run.
        workers: how many.
        ended: called with the record of each case that has ended, one call at a time.
        log: file for what the workers log.
    """

    def __init__(self, order: Order, workers: int, ended: Callable[[CaseRecord], None], log: Path) -> None:
        self._order, self._workers, self._ended, self._log = order, workers, ended, log
        self._telling = threading.Lock()
        self._slots: list[Slot] = []
        self._places = 0
        self._stopped = False

    def segment(self, cases: Sequence[CaseRecord], alone: bool = False) -> list[Unfinished]:
        """Segment cases; see :class:`Executor`."""
        workers = 1 if alone else min(self._workers, len(cases))
        if not workers or not cases:
            return []
        order = replace(self._order, num_workers=0) if alone else self._order.shared_by(workers, free_memory())
        queue, self._places = _Queue(cases), workers
        left: list[Unfinished] = []
        with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
            try:
                for served in as_completed([pool.submit(self._serve, order, queue, left) for _ in range(workers)]):
                    served.result()
            except BaseException:
                self._stop()
                raise
        return left

    def _serve(self, order: Order, queue: _Queue, left: list[Unfinished]) -> None:
        """Keep one place busy while there are cases."""
        failed_starts = 0
        while queue.waiting and not self._stopped:
            slot = Slot(order.text(), order.threads, self._log)
            self._slots.append(slot)
            try:
                self._converse(slot, queue, left)
            finally:
                death = slot.end()
                self._slots.remove(slot)
            if self._stopped:
                return
            left += [Unfinished(queue.known[name], death or "it ended early") for name in sorted(slot.held)]
            self._remove_scratch(slot)
            if death:
                logger.error("worker %d: %s, with %s in hand", slot.pid, death, ", ".join(slot.held) or "no case")
            failed_starts = 0 if slot.asked else failed_starts + 1
            if failed_starts == STARTS:
                self._give_up_place(f"A worker ended {STARTS} times while it began ({death}): {self._log}.")
                return

    def _give_up_place(self, problem: str) -> None:
        """Go on with the other places, if there is one."""
        logger.error("%s", problem)
        self._places -= 1
        if not self._places:
            raise WorkerError(problem)

    def _remove_scratch(self, slot: Slot) -> None:
        """Remove what a killed worker was writing."""
        scratch = Path(self._order.folder, self._order.beside, STATE, SCRATCH)
        for left in scratch.glob(f"{glob.escape(process_name(slot.pid))}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _converse(self, slot: Slot, queue: _Queue, left: list[Unfinished]) -> None:
        for answer, content in slot.answers():
            if answer is Answer.NEXT:
                slot.give(None if self._stopped else queue.next(), time.time())
            elif answer is Answer.ENDED:
                with self._telling:
                    self._ended(CaseRecord.from_json(content))
            elif answer is Answer.POSTPONED:
                left.append(Unfinished(queue.known[content]))
            elif answer is Answer.LOST:
                raise OutputError(content)
            else:
                raise WorkerError(content)

    def _stop(self) -> None:
        self._stopped = True
        for slot in list(self._slots):
            slot.stop()
