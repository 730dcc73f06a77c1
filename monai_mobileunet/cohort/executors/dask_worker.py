"""What a Dask worker does for a run; it imports neither torch nor MONAI, which its child does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from monai_mobileunet.cohort.executors.slot import STARTS, Answer, Slot

__all__ = ["DIED", "SegmentingWorker", "segment_on_worker"]

DIED = "died"
"""In place of an answer: the child has ended."""

IDLE = 900.0  # s without a case until a child is ended; the run's client may have been killed


class SegmentingWorker(WorkerPlugin):
    """A child process for the cases of a run, started at the first one.

    Args:
        name: of the plugin, one for each run.
        order: the run, as :meth:`monai_mobileunet.cohort.executors.order.Order.text` has it. Without a number of
            threads the child has as many as its worker, and without a limit of memory that of its worker.
        log: file for what the children log; ``None`` for the log of the Dask worker.
    """

    def __init__(self, name: str, order: str, log: Path | None = None) -> None:
        self.name, self._order, self._log = name, order, log
        self._worker: Any = None
        self._turn: Any = None
        self._slot: Slot | None = None
        self._alone = self._ended = False
        self._uses = 0

    def setup(self, worker: Any) -> None:
        """Begin on a worker; Dask calls it."""
        self._worker, self._turn = worker, threading.Lock()

    async def teardown(self, worker: Any) -> None:
        """End on a worker; Dask calls it in its event loop, which goes on meanwhile."""
        self._ended = True
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with self._turn:
            self._end_slot()

    def _end_if_idle(self, uses: int) -> None:
        with self._turn:
            if uses == self._uses:
                self._end_slot()

    def segment(self, case: str, alone: bool) -> str:
        """Segment a case; one after the other, however many threads a worker has.

        Args:
            case: its record and the time by the run's clock, as JSON.
            alone: with all the memory that there is.

        Returns:
            ``[answer, content]`` as JSON, with the answers of :class:`Answer` or :data:`DIED`.
        """
        with self._turn:
            if self._ended:
                raise RuntimeError("The run has ended.")
            if self._alone != alone:
                self._end_slot()
            for _ in range(STARTS):
                if self._slot is None:
                    self._slot, self._alone = self._start(alone), alone
                given, answer, content = _exchange(self._slot, *json.loads(case))
                if answer not in (Answer.ENDED, Answer.POSTPONED):
                    death = self._end_slot()
                    content = content or death or "it ended early"
                if given or answer != DIED:  # else the child had ended before, or while it loaded the network
                    break
            self._uses += 1
            idle = threading.Timer(IDLE, self._end_if_idle, (self._uses,))
            idle.daemon = True
            idle.start()
            return json.dumps([answer, content])

    def _start(self, alone: bool) -> Slot:
        order = json.loads(self._order)
        threads = order["threads"] or self._worker.state.nthreads
        limit = None if alone else order["limit"] or self._worker.memory_manager.memory_limit
        return Slot(json.dumps({**order, "threads": threads, "limit": limit}), threads, self._log)

    def _end_slot(self) -> str:
        slot, self._slot = self._slot, None
        return slot.end() if slot is not None else ""


def _exchange(slot: Slot, case: Mapping[str, Any], now: float) -> tuple[bool, str, Any]:
    """Give one case to a child when it asks, and wait for what becomes of it: whether it was given, and the answer."""
    given = False
    for answer, content in slot.answers():
        if answer is not Answer.NEXT:
            return given, answer, content
        slot.give(case, now)
        given = True
    return given, DIED, ""


def segment_on_worker(plugin: str, case: str, alone: bool) -> str:
    """The task that Dask carries to a worker; see :meth:`SegmentingWorker.segment`."""
    ours: Any = get_worker().plugins[plugin]
    return ours.segment(case, alone)
