"""Which executor a command asks for, the order that its workers get, and the line that describes it to people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch

from monai_mobileunet.cohort.case_in_hand import Tools
from monai_mobileunet.cohort.executors.local import Here, Processes
from monai_mobileunet.cohort.executors.order import Order
from monai_mobileunet.cohort.executors.slot import WorkerError
from monai_mobileunet.cohort.executors.supervision import Executor, known_here
from monai_mobileunet.cohort.memory import free_memory
from monai_mobileunet.cohort.options import LOCAL, SegmentOptions
from monai_mobileunet.cohort.run import PreparedRun
from monai_mobileunet.wording import counted

__all__ = ["check_choice", "executor", "order_of", "workers_of"]

LOG = "workers.log"


def _threads(options: SegmentOptions) -> int:
    """CPU threads of each worker; 0 for as many as each worker of a cluster has."""
    if options.threads:
        return options.threads
    if options.scheduler not in (None, LOCAL):
        return 0
    return max(1, torch.get_num_threads() // _workers(options))


def _workers(options: SegmentOptions) -> int:
    return options.workers or (torch.get_num_threads() if options.scheduler == LOCAL else 1)


def check_choice(options: SegmentOptions) -> None:
    """Refuse what cannot segment here, before anything is written.

    Raises:
        ValueError: workers for a cluster that has its own, or no scheduler answers.
        ModuleNotFoundError: Dask is not installed.
    """
    if options.scheduler is None:
        return
    if options.workers and options.scheduler != LOCAL:
        raise ValueError("--workers: the cluster of --scheduler has workers of its own. Leave one of the two out.")
    if find_spec("distributed") is None:
        problem = "--scheduler needs Dask, which is not installed. Type: pip install 'monai_mobileunet[distributed]'"
        raise ModuleNotFoundError(problem, name="distributed")
    if options.scheduler != LOCAL:
        from monai_mobileunet.cohort.executors.dask_executor import connected

        try:
            with connected(options.scheduler, 0):
                return
        except WorkerError as error:
            raise ValueError(str(error)) from error


def workers_of(options: SegmentOptions) -> str:
    """Who segments, with how many threads and how much memory, for people."""
    if options.scheduler not in (None, LOCAL):
        threads = f"{counted(options.threads, 'thread')} for each" if options.threads else "each with its own threads"
        return f"workers of {options.scheduler}, {threads}"
    if options.scheduler is None and options.workers is None:
        return counted(options.threads or torch.get_num_threads(), "thread")
    workers = _workers(options)
    memory = free_memory() / workers / 2**30
    return f"{counted(workers, 'worker')} × {counted(_threads(options), 'thread')} × {memory:.1f} GiB of memory"


@contextmanager
def executor(options: SegmentOptions, run: PreparedRun, tools: Tools) -> Iterator[Executor]:
    """What segments the cases of a run.

    Args:
        options: what was asked for.
        run: the run.
        tools: what this process has of it.

    Raises:
        WorkerError: no scheduler answers.
    """
    if options.workers is None and options.scheduler is None:
        yield Here(tools, options.num_workers)
        return
    order = order_of(options, run, tools)
    ended = known_here(tools)
    if options.scheduler is None:
        yield Processes(order, _workers(options), ended, run.plan.state / LOG)
        return
    from monai_mobileunet.cohort.executors.dask_executor import (  # an extra: only where it is asked for
        DaskCluster,
        connected,
    )

    if options.scheduler == LOCAL:
        order = order.shared_by(_workers(options), free_memory())
    address, log = (None, run.plan.state / LOG) if options.scheduler == LOCAL else (options.scheduler, None)
    with connected(address, _workers(options)) as client, DaskCluster(client, order, ended, log) as cluster:
        yield cluster


def order_of(options: SegmentOptions, run: PreparedRun, tools: Tools) -> Order:
    """The order that workers get for a run.

    Args:
        options: what was asked for.
        run: the run.
        tools: what this process has of it.
    """
    plan = run.plan
    return Order(
        bundle=str(run.bundle.folder),
        changed=dict(run.changed),
        settings=run.settings,
        folder=os.getcwd(),
        output=str(plan.output),
        beside=str(plan.beside or plan.output),
        journal=plan.journal,
        form=run.form.to_json(),
        strict=tools.strict,
        pictures=tools.pictures,
        spacing=list(tools.spacing) if tools.spacing else None,
        threads=_threads(options),
        num_workers=options.num_workers,
    )
