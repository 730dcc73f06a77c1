"""What a run has finished: a line per case, written when the masks are on disk, that survives any end of the run."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from monai_mobileunet.case_record import CaseRecord, CaseState, Comparison, WrittenFile, results_from_json
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.data import DataError, Finding

__all__ = ["Journal", "read_records", "settings_key"]


def settings_key(settings: Mapping[str, Any]) -> str:
    """A short name of all that decides about a result: a result of another key is made anew."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Journal:
    """The records of an output folder. Open, it keeps other runs out of the folder.

    A line that a kill cut off is passed over; the last whole record of a case counts.

    Args:
        path: the file, made with its folder.

    Attributes:
        records: the last record of each case, by its name.
        concluded: names of the cases that have ended, with a mask or without, since the journal was opened.

    Raises:
        DataError: another run has it open.
        OSError: the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = FileLock(path.with_name("lock"))  # of the folder, whatever journals it has
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            problem = "another run writes to this folder."
            raise DataError([Finding(str(path.parent), problem, "Wait for it, or name another folder.")]) from error
        self._writing = threading.Lock()
        self.records = read_records(path)
        self.concluded: set[str] = set()
        self._file = path.open("ab")
        if path.stat().st_size:
            self._file.write(b"\n")  # after a line that a kill cut off; an empty line is none

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._file.close()
        self._lock.release()

    def write(self, record: CaseRecord, sync: bool = True) -> None:
        """Add a record, from any thread; on return it is on disk.

        Args:
            record: the case as it stands now.
            sync: ``False`` if it may come to the disk with the next one.

        Raises:
            OutputError: it cannot be written.
            ValueError: it has a number that is not finite.
        """
        line = json.dumps(record.as_json(), allow_nan=False).encode() + b"\n"
        with self._writing:
            try:
                self._file.write(line)
                if sync:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be written ({error.strerror}).") from error
            self.records[record.name] = record
            if record.done or record.failed:
                self.concluded.add(record.name)


def read_records(path: Path) -> dict[str, CaseRecord]:
    """The last record of each case, without opening the journal; empty where there is none."""
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return {record.name: record for record in map(_parsed, lines) if record}


def _parsed(line: bytes) -> CaseRecord | None:
    """A record; ``None`` for a line that was cut off."""
    try:
        content = json.loads(line)
        return _of_first_version(content) if "row" in content else CaseRecord.from_json(content)
    except (ValueError, TypeError, KeyError, AttributeError):  # JSON's and Unicode's errors are ValueErrors
        return None


def _of_first_version(content: Mapping[str, Any]) -> CaseRecord:
    """A record as the first runs wrote them, whose masks are known by their hashes alone."""
    row, begun = content["row"], content["begun"]
    state = CaseState.IN_HAND if begun else CaseState(row.get("status", CaseState.PLANNED.value))
    kept = ("problem", "warnings", "shape", "spacing_mm", "volumes_ml", "cut_off", "seconds", "picture")
    return CaseRecord(
        content["case"],
        tuple(map(Path, row.get("images", ()))),
        tuple(map(Path, row.get("outputs", ()))),
        state=state,
        attempts=begun,
        settings=content["settings"],
        inputs=content["inputs"],
        written={path: WrittenFile(-1, 0, sha256) for path, sha256 in content["outputs"].items()},
        comparison=_first_comparison(content),
        **{key: row[key] for key in kept if key in row},
    )


def _first_comparison(content: Mapping[str, Any]) -> Comparison | None:
    """What a first run has measured; without a key it is measured again where a reference is given."""
    row = content["row"]
    results, problem = results_from_json(row.get("metrics") or {}), row.get("reference_problem", "")
    return Comparison("", content["reference"], results, problem) if results or problem else None
