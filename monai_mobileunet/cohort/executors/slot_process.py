"""The child of a :class:`~monai_mobileunet.cohort.executors.slot.Slot`, which starts :func:`main` in a new Python.

Its standard input and output carry lines of JSON. It is given an order, asks for a case whenever it has room for one,
and tells how each case ended. It ends when its parent is gone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import IO, TYPE_CHECKING, Any, NoReturn

from monai_mobileunet.cohort.executors.slot import Answer
from monai_mobileunet.importing import uncollected

if TYPE_CHECKING:
    from monai_mobileunet.case_record import CaseRecord

__all__ = ["main"]

OOM_SCORE = Path("/proc/self/oom_score_adj")
FIRST_TO_END = 600
"""Where memory is short the system ends a worker, and not the run that goes on without it; 1000 is the most."""

LOOK_EVERY = 1.0  # s


class _Parent:
    """The other end of the pipes."""

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands, self._answers = commands, answers
        self._telling = threading.Lock()

    def tell(self, answer: Answer, content: Any = None) -> None:
        with self._telling:
            self._answers.write(json.dumps([answer, content]) + "\n")
            self._answers.flush()

    def cases(self, set_time: Callable[[float], None]) -> Iterator[CaseRecord]:
        from monai_mobileunet.case_record import CaseRecord

        while True:
            try:
                self.tell(Answer.NEXT)
            except BrokenPipeError:
                return
            line = self._commands.readline()
            case, now = json.loads(line) if line else (None, 0.0)
            if case is None:
                return
            set_time(now)
            yield CaseRecord.from_json(case)


def main() -> int:
    """Segment the cases that the parent gives; the exit code is 0 unless they could not be segmented at all."""
    parent = _Parent(sys.stdin, _own_output())
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("monai_mobileunet").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _stop)
    _end_first_where_memory_is_short()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    with uncollected():
        from monai_mobileunet.cohort.executors.order import Order
        from monai_mobileunet.cohort.guard import OutputError
        from monai_mobileunet.cohort.worker import segment_cases
        from monai_mobileunet.data.errors import root_cause

    try:
        order = Order.of_text(sys.stdin.readline())
        tools = order.open(lambda record: parent.tell(Answer.ENDED, record.as_json()))
    except Exception as error:  # of a bundle's code, anything; it is reported, and ends the run
        logging.getLogger(__name__).exception("the worker cannot start")
        parent.tell(Answer.REFUSED, root_cause(error) if not str(error) else str(error))
        return 1
    if order.postpones:
        tools = replace(tools, postpone=lambda record: parent.tell(Answer.POSTPONED, record.name))
    try:
        with tools.journal:
            segment_cases(parent.cases(partial(setattr, tools.journal, "not_before")), tools, order.num_workers)
    except OutputError as error:
        parent.tell(Answer.LOST, str(error))
        return 1
    finally:
        rmtree(tools.scratch, ignore_errors=True)
    return 0


def _own_output() -> IO[str]:
    """The pipe to the parent; what libraries print goes to the log instead."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def _end_first_where_memory_is_short() -> None:
    with suppress(OSError, ValueError):  # another system, or a container that sets more and lets nobody lower it
        if int(OOM_SCORE.read_bytes()) < FIRST_TO_END:
            OOM_SCORE.write_text(str(FIRST_TO_END))


def _end_with_parent(parent: int) -> None:
    """End at once when the parent is gone: another run may begin in its folder, and files are whole or not there."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    os._exit(1)


def _stop(number: int, frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # asked once more, it still finishes what it writes
    raise SystemExit(128 + number)
