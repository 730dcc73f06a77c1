"""What a Dask worker does for a run; it imports neither torch nor MONAI, which its child does."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from monai_mobileunet.cohort.executors.slot import Answer, Slot

__all__ = ["DIED", "SegmentingWorker", "segment_on_worker"]

STARTS = 5
"""How often a child may end before it takes a case, until the case is given back."""

DIED = "died"
"""In place of an answer: the child has ended."""


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
        self._alone = False

    def setup(self, worker: Any) -> None:
        """Begin on a worker; Dask calls it."""
        self._worker, self._turn = worker, threading.Lock()

    def teardown(self, worker: Any) -> None:
        """End on a worker; Dask calls it."""
        with self._turn:
            self._end_slot()

    def segment(self, case: str, alone: bool) -> str:
        """Segment a case; one after the other, however many threads a worker has.

        Args:
            case: its record as JSON.
            alone: with all the memory that there is.

        Returns:
            ``[answer, content]`` as JSON, with the answers of :class:`Answer` or :data:`DIED`.
        """
        with self._turn:
            if self._alone != alone:
                self._end_slot()
            for _ in range(STARTS):
                if self._slot is None:
                    self._slot, self._alone = self._start(alone), alone
                given, answer, content = _exchange(self._slot, json.loads(case))
                if answer not in (Answer.ENDED, Answer.POSTPONED):
                    death = self._end_slot()
                    content = content or death or "it ended early"
                if given or answer != DIED:  # else the child had ended before, or while it loaded the network
                    break
            return json.dumps([answer, content])

    def _start(self, alone: bool) -> Slot:
        order = json.loads(self._order)
        threads = order["threads"] or self._worker.state.nthreads
        limit = None if alone else order["limit"] or self._worker.memory_manager.memory_limit
        return Slot(json.dumps({**order, "threads": threads, "limit": limit}), threads, self._log)

    def _end_slot(self) -> str:
        slot, self._slot = self._slot, None
        return slot.end() if slot is not None else ""


def _exchange(slot: Slot, case: Mapping[str, Any]) -> tuple[bool, str, Any]:
    """Give one case to a child when it asks, and wait for what becomes of it: whether it was given, and the answer."""
    given = False
    for answer, content in slot.answers():
        if answer is not Answer.NEXT:
            return given, answer, content
        slot.give(case)
        given = True
    return given, DIED, ""


def segment_on_worker(plugin: str, case: str, alone: bool) -> str:
    """The task that Dask carries to a worker; see :meth:`SegmentingWorker.segment`."""
    ours: Any = get_worker().plugins[plugin]
    return ours.segment(case, alone)
