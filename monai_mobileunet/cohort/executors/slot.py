"""A place for a worker: a child process that segments cases, so that what ends it ends nothing else.

Nothing here needs torch or MONAI: a Dask worker keeps a slot, too, and all that is heavy is in the child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

__all__ = ["Answer", "Slot", "WorkerError"]

GRACE = 60.0  # s for a worker to finish what it writes, once it was asked to end
CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
    "from monai_mobileunet.cohort.executors.slot_process import main; sys.exit(main())"
)
"""What the child runs. It finds modules where this process does, and not in the working folder, which may hold any."""

TRIMMED_BY_DASK = "MALLOC_TRIM_THRESHOLD_"
"""What Dask sets for its workers: memory goes back to the system as soon as it is free. A network asks for the same
memory again at each step: 16 CTs took two workers 43 s with it, and 23 s without."""

STARTS = 5
"""How often a child may end before it takes a case, one time after the other, until its place is given up."""


class WorkerError(RuntimeError):
    """No worker can segment; what is finished is safe, and the same command goes on from there."""


class Answer(StrEnum):
    """What a worker tells, with the content of its line."""

    NEXT = "next"
    """It has room for a case; no content."""
    ENDED = "ended"
    """A case has ended; its record as JSON."""
    POSTPONED = "postponed"
    """A case needs more memory than this worker's share; its name."""
    REFUSED = "refused"
    """The worker cannot start; why."""
    LOST = "lost"
    """The output cannot be written any more; why."""


class Slot:
    """A child process with the network loaded.

    Args:
        order: the run, as :meth:`monai_mobileunet.cohort.executors.order.Order.text` has it.
        threads: CPU threads of the child.
        log: file for what the child logs and prints; ``None`` for where this process prints its errors.

    Attributes:
        held: names of the cases that it was given and that have not ended.
        asked: whether it has loaded the network and has asked for a case.

    Raises:
        WorkerError: the system starts no process more, or the log cannot be written.
    """

    def __init__(self, order: str, threads: int, log: Path | None = None) -> None:
        self.held: set[str] = set()
        self.asked = False
        environment = {name: value for name, value in os.environ.items() if name != TRIMMED_BY_DASK}
        environment["OMP_NUM_THREADS"] = str(threads)
        command = [sys.executable, "-P", "-c", CHILD, json.dumps(sys.path)]
        errors = None
        try:
            errors = log.open("ab") if log else None
            # a session of its own: Ctrl-C in a terminal is for the run, which lets its workers finish what they write
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerError(f"A worker cannot be started ({error}).") from error
        finally:
            if errors is not None:
                errors.close()
        self._say(order)

    @property
    def _commands(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def answers(self) -> Iterator[tuple[Answer, Any]]:
        """What the worker tells, until it ends."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                kind, content = json.loads(line)
            except ValueError:  # cut off by the end of the process
                break
            answer = Answer(kind)
            if answer is Answer.NEXT:
                self.asked = True
            elif answer is Answer.ENDED:
                self.held.discard(content["name"])
            elif answer is Answer.POSTPONED:
                self.held.discard(content)
            yield answer, content

    def give(self, case: Mapping[str, Any] | None, now: float) -> None:
        """Answer a worker that has asked.

        Args:
            case: :meth:`monai_mobileunet.case_record.CaseRecord.as_json` of a case; ``None`` if there is no more.
            now: time by the run's clock, which the worker's may be behind, in seconds since 1970.
        """
        if case is not None:
            self.held.add(case["name"])
        self._say(json.dumps([case, now]))

    def _say(self, line: str) -> None:
        try:
            self._commands.write(line + "\n")
            self._commands.flush()
        except OSError:  # it has ended meanwhile, which its answers show
            return

    def stop(self) -> None:
        """Ask the worker to end when it has finished what it writes."""
        self._process.terminate()

    def end(self) -> str:
        """Wait for the end of the worker.

        Returns:
            How it ended, in words; empty if all is well.
        """
        with suppress(OSError):  # it has ended, and did not read all
            self._commands.close()
        try:
            code = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return _in_words(code)


def _in_words(code: int) -> str:
    if code == 0:
        return ""
    if code > 0:
        return f"exit code {code}"
    text = f"ended by {signal.Signals(-code).name}"
    return f"{text}, as the system does where memory is short" if -code == signal.SIGKILL else text
