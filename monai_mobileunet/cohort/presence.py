"""Who works in an output folder: parts of one run do so at the same time, and runs that do not belong together do not.

Each process holds a lock of its own, next to a note that says what it does. Nobody waits for another's lock: a
newcomer only sees which of them are held. The system gives a lock back however its process ends, so that a killed run
is in nobody's way, on this machine or on another one that shares the folder by NFS.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.errors import list_some
from monai_mobileunet.data.files import write_json

__all__ = ["Claim", "Presence", "process_name", "unique_name"]

RUNS = "runs"
"""Folder of the locks and notes, in the folder of what a run keeps."""

WHOLE = "the whole run"
PATIENCE = 2.0  # s for others to end a look at the lock of a process that has ended, before that counts as held
LOOK_EVERY = 0.2  # s


@dataclass(frozen=True)
class Claim:
    """What a process does in a folder.

    Attributes:
        run: what all parts of a run have in common; empty for what shares its folder with nothing.
        items: its parts or participants, in words; two processes do not work on the same.
    """

    run: str = ""
    items: tuple[str, ...] = (WHOLE,)


def unique_name() -> str:
    """A name that no other process gives: for files that many write beside each other."""
    return f"{process_name(os.getpid())}-{secrets.token_hex(4)}"


def process_name(pid: int) -> str:
    """What the unique names of a process on this machine begin with."""
    host = "".join(c if c.isalnum() or c in "-." else "_" for c in socket.gethostname())
    return f"{host}-{pid}"


class Presence:
    """A process in a folder, from its making until :meth:`end`.

    Args:
        folder: what is kept of a run; it is made.
        claim: what the process does there.

    Raises:
        DataError: a process is there that does something else, or a part of the same.
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, claim: Claim) -> None:
        self._folder = folder / RUNS
        self._folder.mkdir(parents=True, exist_ok=True)
        self._name = unique_name()
        self._lock = FileLock(self._folder / f"{self._name}.lock")
        self._lock.acquire()
        try:
            host = {"host": socket.gethostname(), "pid": os.getpid()}
            write_json(self._note(self._name), {**asdict(claim), **host})  # after the lock: noted, it is held
            deadline = time.monotonic() + PATIENCE
            while findings := [_in_the_way(folder, one, claim, where) for one, where in self._others(claim)]:
                if time.monotonic() > deadline:
                    raise DataError(findings[:1])
                time.sleep(LOOK_EVERY)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Leave the folder."""
        self._note(self._name).unlink(missing_ok=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _others(self, claim: Claim) -> Iterator[tuple[Claim, str]]:
        """What processes in the way of a claim do, and where; the notes of those that ended are removed."""
        for note in sorted(self._folder.glob("[!.]*.json")):  # hidden ones are being written
            if note.stem == self._name:
                continue
            lock = FileLock(note.with_suffix(".lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                known = _read(note)
                if known is not None and _excludes(known[0], claim):
                    yield known
                continue
            note.unlink(missing_ok=True)
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)


def _read(note: Path) -> tuple[Claim, str] | None:
    """What a note says; ``None`` if its process has left meanwhile."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Claim(content["run"], tuple(content["items"])), f"process {content['pid']} on {content['host']}"


def _excludes(one: Claim, other: Claim) -> bool:
    """Whether two processes cannot work in one folder at the same time."""
    return not one.run or one.run != other.run or not set(one.items).isdisjoint(other.items)


def _in_the_way(folder: Path, other: Claim, claim: Claim, where: str) -> Finding:
    """What is wrong, and what to do."""
    if other.run and other.run == claim.run:
        shared = list_some([item for item in claim.items if item in other.items])
        problem = f"another process segments {shared} already: {where}."
        return Finding(str(folder), problem, "Wait for it, and start each part once.")
    return Finding(str(folder), f"another run writes to this folder: {where}.", "Wait for it, or name another folder.")
