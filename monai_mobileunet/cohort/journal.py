"""What a run has finished: a line per case, written when the masks are on disk, that survives any end of the run."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from monai_mobileunet.case_record import CaseRecord, CaseState, Comparison, WrittenFile, results_from_json
from monai_mobileunet.cohort.guard import OutputError
from monai_mobileunet.cohort.presence import Claim, Presence, unique_name

__all__ = ["WHOLE_RUN", "Journal", "read_records", "settings_key"]

JOURNALS = "journals"
"""Folder of the journals that several processes write beside the main one."""

WRITTEN_AT = "written_at"
"""Key of the time at which a line was written, in seconds since 1970."""

WHOLE_RUN = Claim()
"""The claim of a run that has its folder to itself."""


def settings_key(settings: Mapping[str, Any]) -> str:
    """A short name of all that decides about a result: a result of another key is made anew."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Journal:
    """The records of an output folder, as far as this process and those that had ended before it have written them.

    Each process appends to a file of its own, and what many wrote is merged on reading. Of a case the record that was
    written last counts. A line that a kill cut off is passed over.

    Args:
        path: the main journal, made with its folder.
        claim: what this process does in the folder; ``None`` for a worker, whose run has claimed it.
        own: write to a file beside the main journal, as each of several processes does.

    Attributes:
        records: the last record of each case, by its name; empty for a worker.
        concluded: names of the cases that have ended, with a mask or without, since the journal was opened.
        not_before: time that no record is dated before, in seconds since 1970: of a worker that of the run which has
            given it the case, so that a clock which is late puts no record behind that of an earlier attempt.

    Raises:
        DataError: another run has it open.
        OSError: the folder cannot be written to.
    """

    def __init__(self, path: Path, claim: Claim | None = WHOLE_RUN, own: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._presence = Presence(path.parent, claim) if claim else None
        self.not_before = 0.0
        self._writing = threading.Lock()
        self.concluded: set[str] = set()
        self.path = path.parent / JOURNALS / f"{path.stem}-{unique_name()}{path.suffix}" if own else path
        try:
            self.records = read_records(path) if claim else {}
            self.path.parent.mkdir(exist_ok=True)
            self._file = self.path.open("ab", buffering=0)  # what cannot be written is lost at once, not at the end
        except BaseException:
            self._leave()
            raise
        if self.path.stat().st_size:
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
        self._leave()

    def _leave(self) -> None:
        if self._presence is not None:
            self._presence.end()

    def write(self, record: CaseRecord, sync: bool = True) -> None:
        """Add a record, from any thread; on return it is on disk.

        Args:
            record: the case as it stands now.
            sync: ``False`` if it may come to the disk with the next one; other processes see it at once.

        Raises:
            OutputError: it cannot be written.
            ValueError: it has a number that is not finite.
        """
        content = {**record.as_json(), WRITTEN_AT: max(time.time(), self.not_before)}
        line = json.dumps(content, allow_nan=False).encode() + b"\n"
        with self._writing:
            try:
                if self._file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if sync:
                    os.fsync(self._file.fileno())
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be written ({error.strerror}).") from error
            self._know(record)

    def note(self, record: CaseRecord) -> None:
        """Know a record that another process has written."""
        with self._writing:
            self._know(record)

    def _know(self, record: CaseRecord) -> None:
        self.records[record.name] = record
        if record.done or record.failed:
            self.concluded.add(record.name)


def read_records(path: Path) -> dict[str, CaseRecord]:
    """The last record of each case, in the main journal and those beside it, whoever writes to them meanwhile.

    Args:
        path: the main journal; without any journal there are no records.
    """
    latest: dict[str, tuple[float, CaseRecord]] = {}
    for journal in (path, *sorted((path.parent / JOURNALS).glob(f"{glob.escape(path.stem)}-*{path.suffix}"))):
        for name, (written, record) in _last_of_each(journal).items():
            if name not in latest or written >= latest[name][0]:
                latest[name] = written, record
    return {name: record for name, (_, record) in latest.items()}


def _last_of_each(journal: Path) -> dict[str, tuple[float, CaseRecord]]:
    lines = journal.read_bytes().splitlines() if journal.is_file() else []
    return {record.name: (written, record) for written, record in filter(None, map(_parsed, lines))}


def _parsed(line: bytes) -> tuple[float, CaseRecord] | None:
    """When a record was written, and the record; ``None`` for a line that was cut off."""
    try:
        content = json.loads(line)
        written = float(content.pop(WRITTEN_AT, 0))  # the first journals say no time; there was one of them
        return written, _of_first_version(content) if "row" in content else CaseRecord.from_json(content)
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
