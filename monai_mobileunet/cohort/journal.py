"""What a run has finished: a line per case, written when the masks are on disk, that survives any end of the run."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from monai_mobileunet.cohort.case_files import file_states, hash_file
from monai_mobileunet.cohort.plan import PlannedCase
from monai_mobileunet.data import DataError, Finding

__all__ = ["Journal", "Record", "read_records", "settings_key"]


@dataclass(frozen=True)
class Record:
    """What came of a case.

    Attributes:
        case: its name.
        settings: key of the weights, configs and options; see :func:`settings_key`.
        inputs: path, size and time of change of each file that was read.
        outputs: SHA-256 of each file that was written, by its path in the output folder.
        row: what the report tells of the case.
        begun: how often runs have taken the case in hand since it was last finished; not 0 while one has.
        reference: state of the file that the row's metrics are of.
    """

    case: str
    settings: str
    inputs: list[list[Any]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    row: dict[str, Any] = field(default_factory=dict)
    begun: int = 0
    reference: list[list[Any]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether there is a mask; a case that failed is tried again."""
        return not self.begun and self.row.get("status") == "done"

    def still_holds(self, case: PlannedCase, settings: str, folder: Path) -> bool:
        """Whether the masks are there as they were written, by these settings, from these files.

        Args:
            case: as it is planned now.
            settings: key of the weights, configs and options now.
            folder: of the output.
        """
        return (
            self.done
            and self.settings == settings
            and self.inputs == file_states(case.images)
            and list(self.outputs) == [path.relative_to(folder).as_posix() for path in case.outputs]
            and all(self.wrote(path, folder) for path in case.outputs)
        )

    def wrote(self, path: Path, folder: Path) -> bool:
        """Whether a file is there as this record says that it was written."""
        known = self.outputs.get(path.relative_to(folder).as_posix())
        try:
            return known is not None and os.path.isfile(path) and hash_file(path) == known
        except OSError:  # it cannot be read
            return False


def settings_key(settings: Mapping[str, Any]) -> str:
    """A short name of all that decides about voxels: a mask of another key is made anew."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Journal:
    """The records of an output folder. Open, it keeps other runs out of the folder.

    A line that a kill cut off is passed over; the last whole record of a case counts.

    Args:
        path: of the file, made with its folder.

    Raises:
        DataError: another run has it open.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = FileLock(path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            problem = "another run writes to this folder."
            raise DataError([Finding(str(path.parent), problem, "Wait for it, or name another folder.")]) from error
        self._writing = threading.Lock()
        self.records = read_records(path)
        self._file = path.open("ab")
        if path.stat().st_size:
            self._file.write(b"\n")  # after a line that a kill cut off; an empty line is none

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._lock.release()

    def write(self, record: Record, sync: bool = True) -> None:
        """Add a record, from any thread; on return it is on disk.

        Args:
            record: of a case.
            sync: ``False``: it may come to the disk with the next one.

        Raises:
            OSError: it cannot be written.
            ValueError: it has a number that is not finite.
            TypeError: it has something that JSON does not have.
        """
        line = json.dumps(asdict(record), allow_nan=False).encode() + b"\n"
        with self._writing:
            self._file.write(line)
            if sync:
                self._file.flush()
                os.fsync(self._file.fileno())
            self.records[record.case] = record


def read_records(path: Path) -> dict[str, Record]:
    """The last record of each case, without opening the journal; empty where there is none."""
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return {record.case: record for record in map(_parsed, lines) if record}


def _parsed(line: bytes) -> Record | None:
    """A record; ``None`` for a line that was cut off."""
    try:
        return Record(**json.loads(line))
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
        return None
