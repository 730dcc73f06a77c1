"""The workers of a Dask cluster segment the cases. Strings are sent to them, and strings come back.

Each Dask worker keeps a child process with the network loaded, a :class:`~monai_mobileunet.cohort.executors.slot.Slot`.
A case that takes all memory ends that child, and not the Dask worker: Dask blames each task that a lost worker had, and
gives up on innocent ones after some of them. Dask's limits of memory do not see the child; ours hold there as anywhere.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.executors.dask_worker import DIED, SegmentingWorker, segment_on_worker
from monai_mobileunet.cohort.executors.order import Order
from monai_mobileunet.cohort.executors.slot import Answer, WorkerError
from monai_mobileunet.cohort.executors.supervision import Unfinished
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.cohort.presence import unique_name

__all__ = ["DaskCluster", "connected"]

CONNECT = 30.0  # s
JOIN = 120.0  # s for the first worker
ALLOWED_FAILURES = 10
"""How many workers a cluster on this machine may lose with a case among their tasks before Dask calls it to blame; a
scheduler that is there has its own setting, ``distributed.scheduler.allowed-failures``, which is 3 by default."""

RETRIES = 3
AHEAD = 2
"""Tasks at a time for each thread of the cluster: few, so that a cluster that grows has something to take."""

ONE_MACHINE: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.ERROR}

COUNT_EVERY = 5.0  # s between looks at the size of the cluster


@contextmanager
def connected(address: str | None, workers: int) -> Iterator[Client]:
    """A client of a cluster.

    Args:
        address: of the scheduler, as ``tcp://node7:8786``; ``None`` for a cluster on this machine, as long as the run.
        workers: how many a cluster on this machine has.

    Raises:
        WorkerError: no scheduler answers there.
    """
    with dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}):
        cluster: Any = nullcontext()
        try:
            if address is None:
                cluster = LocalCluster(n_workers=workers, memory_limit=0, **ONE_MACHINE)
                client = Client(cluster)
            else:
                client = Client(address, timeout=CONNECT)
        except (OSError, ValueError, RuntimeError) as error:
            if address is None:
                raise WorkerError(f"--scheduler local: a Dask cluster cannot be started here ({error}).") from error
            remedy = "Type dask scheduler on one machine, and dask worker with its address on the others."
            raise WorkerError(f"--scheduler {address}: no Dask scheduler answers ({error}). {remedy}") from error
        with cluster, client:
            yield client


@contextmanager
def _lost_in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # Dask's errors of connections and of waiting are such
        raise WorkerError(f"The Dask scheduler was lost, or has no worker ({error}).") from error


class DaskCluster:
    """The workers of a Dask cluster.

    Args:
        client: of the cluster.
        order: the run.
        ended: called with the record of each case that has ended.
        log: file for what the workers' children log; ``None`` for the logs of the Dask workers.
    """

    def __init__(
        self, client: Client, order: Order, ended: Callable[[CaseRecord], None], log: Path | None = None
    ) -> None:
        self._client, self._ended, self._log = client, ended, log
        self._order = replace(order, num_workers=0)
        self._name = f"segment-{unique_name()}"

    def __enter__(self) -> DaskCluster:
        with _lost_in_words():
            self._client.wait_for_workers(1, timeout=JOIN)
            self._client.register_plugin(SegmentingWorker(self._name, self._order.text(), self._log))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        with suppress(OSError):  # with a scheduler that was lost its workers' plugins are, too
            if self._client.status == "running":
                self._client.unregister_worker_plugin(self._name)

    def segment(self, cases: Sequence[CaseRecord], alone: bool = False) -> list[Unfinished]:
        """Segment cases; see :class:`~monai_mobileunet.cohort.executors.supervision.Executor`."""
        sent: dict[Future, CaseRecord] = {}
        with _lost_in_words():
            try:
                return self._segment(deque(cases), sent, alone)
            finally:
                if sent and self._client.status == "running":
                    self._client.cancel(list(sent))

    def _segment(self, waiting: deque[CaseRecord], sent: dict[Future, CaseRecord], alone: bool) -> list[Unfinished]:
        left: list[Unfinished] = []
        results = as_completed(with_results=True, raise_errors=False, loop=self._client.loop)
        room, looked = 1 if alone else self._room(), time.monotonic()
        while waiting or sent:
            while waiting and len(sent) < room:
                case = waiting.popleft()
                text = json.dumps([case.as_json(), time.time()])
                future = self._client.submit(segment_on_worker, self._name, text, alone, pure=False, retries=RETRIES)
                sent[future] = case
                results.add(future)
            future, result = next(results)
            left += self._answered(future, result, sent.pop(future))
            if not alone and time.monotonic() - looked > COUNT_EVERY:
                room, looked = self._room(), time.monotonic()
        return left

    def _room(self) -> int:
        return max(1, AHEAD * sum(self._client.nthreads().values()))

    def _answered(self, future: Future, result: Any, case: CaseRecord) -> list[Unfinished]:
        """What a task gave: a record that goes on, or a case that is left."""
        if future.status != "finished":
            return [self._failed(future, case)]
        answer, content = json.loads(result)
        if answer == Answer.ENDED:
            self._ended(CaseRecord.from_json(content))
            return []
        if answer == Answer.LOST:
            raise OutputError(content)
        if answer == Answer.REFUSED:
            raise WorkerError(content)
        return [Unfinished(case, content if answer == DIED else "")]

    def _failed(self, future: Future, case: CaseRecord) -> Unfinished:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, KilledWorker):
            return Unfinished(case, f"{error.allowed_failures + 1} Dask workers were lost")
        raise WorkerError(f"The Dask scheduler was lost, or it has dropped the tasks ({error or future.status}).")
