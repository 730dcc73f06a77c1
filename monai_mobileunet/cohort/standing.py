"""Where a run stands before it begins: what is finished, what is to do, and what lies in the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from monai_mobileunet.case_record import CaseRecord, CaseState, WrittenFile
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.data.formats import image_states

__all__ = ["Standing", "find_standing", "written_file"]


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Attributes:
        todo: cases without masks that still hold, with what earlier runs have left of them.
        finished: records of the others, by their name.
        foreign: masks of the first that are there, and that no run has written as they are.
        touched: names of finished cases whose masks were hashed, because their size or time is not that on record.
    """

    todo: tuple[CaseRecord, ...]
    finished: Mapping[str, CaseRecord]
    foreign: tuple[Path, ...]
    touched: tuple[str, ...]


def find_standing(plan: Plan, records: Mapping[str, CaseRecord], settings: str, overwrite: bool = False) -> Standing:
    """Which cases are finished and which are to do, and which masks are there that no run has written.

    A mask is hashed only where its size and time are not those on record. A file that cannot be looked at ends
    nothing here: its case is to do, and fails in its turn.

    Args:
        plan: the cases and their masks.
        records: records of the journal, by the name of the case.
        settings: key of the weights, configs and options.
        overwrite: whether all cases are to do.
    """
    todo: list[CaseRecord] = []
    finished: dict[str, CaseRecord] = {}
    foreign: list[Path] = []
    touched: list[str] = []
    for case in plan.cases:
        known = records.get(case.name, case).planned_as(case)
        as_made = known.settings == settings and _places(known, plan.output) == list(known.written)
        if known.done and as_made and not overwrite and known.inputs == image_states(case.images):
            written = {path: _as_written(plan.output / path, file) for path, file in known.written.items()}
            if None not in written.values():
                found = {path: file for path, file in written.items() if file}
                touched += [case.name] if found != known.written else []
                finished[case.name] = replace(known, written=found)
                continue
        todo.append(replace(known, attempts=0) if overwrite else known)
        if known.state is not CaseState.IN_HAND:  # in hand when a run was killed: its mask may be there already
            foreign += [path for path in case.outputs if os.path.lexists(path) and not wrote(known, path, plan.output)]
    return Standing(tuple(todo), finished, tuple(foreign), tuple(touched))


def wrote(record: CaseRecord, path: Path, output: Path) -> bool:
    """Whether a mask is there as a record says that it was written."""
    known = record.written.get(path.relative_to(output).as_posix())
    return known is not None and _as_written(path, known) is not None


def written_file(path: Path) -> WrittenFile:
    """A mask as it is now.

    Raises:
        OSError: it cannot be read.
    """
    state = path.stat()
    return WrittenFile(state.st_size, state.st_mtime_ns, hash_file(path))


def _places(case: CaseRecord, output: Path) -> list[str]:
    return [path.relative_to(output).as_posix() for path in case.outputs]


def _as_written(path: Path, known: WrittenFile) -> WrittenFile | None:
    """The state of a mask that has the content on record; ``None`` if it has not."""
    try:
        state = path.stat()
        if state.st_size != known.size or not os.path.isfile(path):
            return None
        same = state.st_mtime_ns == known.changed_ns or hash_file(path) == known.sha256
    except OSError:  # gone, or it cannot be read
        return None
    return replace(known, changed_ns=state.st_mtime_ns) if same else None
