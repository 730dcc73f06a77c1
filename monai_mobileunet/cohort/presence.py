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
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.errors import list_some
from monai_mobileunet.data.files import write_json

__all__ = ["Claim", "Presence", "unique_name"]

RUNS = "runs"
"""Folder of the locks and notes, in the folder of what a run keeps."""

WHOLE = "the whole run"
STARTING = 10.0  # s that another process may look at a lock which was just made


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
    host = "".join(c if c.isalnum() or c in "-." else "_" for c in socket.gethostname())
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class Presence:
    """A process in a folder, from its making until :meth:`end`.

    Args:
        folder: what is kept of a run; it is made.
        claim: what the process does there.

    Attributes:
        alone: whether no other process was there.

    Raises:
        DataError: a process is there that does something else, or a part of the same.
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, claim: Claim) -> None:
        self._folder = folder / RUNS
        self._folder.mkdir(parents=True, exist_ok=True)
        self._name = unique_name()
        self._lock = FileLock(self._folder / f"{self._name}.lock")
        self._lock.acquire(timeout=STARTING)
        try:
            host = {"host": socket.gethostname(), "pid": os.getpid()}
            write_json(self._note(self._name), {**asdict(claim), **host})  # after the lock: noted, it is held
            others = list(self._others())
            for other, where in others:
                if not claim.run or other.run != claim.run or set(claim.items) & set(other.items):
                    raise DataError([Finding(str(folder), *_in_the_way(other, claim, where))])
        except BaseException:
            self.end()
            raise
        self.alone = not others

    def end(self) -> None:
        """Leave the folder."""
        self._note(self._name).unlink(missing_ok=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _others(self) -> Iterator[tuple[Claim, str]]:
        """What other processes do that still run, and where; the notes of those that ended are removed."""
        for note in sorted(self._folder.glob("*.json")):
            if note.stem == self._name:
                continue
            lock = FileLock(note.with_suffix(".lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                known = _read(note)
                if known is not None:
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


def _in_the_way(other: Claim, claim: Claim, where: str) -> tuple[str, str]:
    """What is wrong, and what to do."""
    if other.run and other.run == claim.run:
        shared = list_some([item for item in claim.items if item in other.items])
        return f"another process segments {shared} already: {where}.", "Wait for it, and start each part once."
    return f"another run writes to this folder: {where}.", "Wait for it, or name another folder."
