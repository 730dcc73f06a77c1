"""Where a run stands before it begins: what is finished, what is to do, and what lies in the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monai_mobileunet.cohort.journal import Record
from monai_mobileunet.cohort.plan import Plan, PlannedCase

__all__ = ["Standing", "find_standing"]


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Attributes:
        todo: cases without masks that still hold.
        finished: names of the others.
        foreign: masks of the first that are there, and that no run has written as they are.
    """

    todo: tuple[PlannedCase, ...]
    finished: frozenset[str]
    foreign: tuple[Path, ...]


def find_standing(plan: Plan, records: Mapping[str, Record], settings: str, overwrite: bool = False) -> Standing:
    """Which cases are finished and which are to do, and which masks are there that no run has written.

    A file that cannot be looked at ends nothing here: its case is to do, and fails in its turn.

    Args:
        plan: the cases and their masks.
        records: of the journal, by the name of the case.
        settings: key of the weights, configs and options.
        overwrite: all cases are to do.
    """
    todo, finished, foreign = [], set(), []
    for case in plan.cases:
        record = records.get(case.name)
        if record and not overwrite and record.still_holds(case, settings, plan.output):
            finished.add(case.name)
            continue
        todo.append(case)
        if record is None or not record.begun:  # in hand when a run was killed: its mask may be there already
            there = [path for path in case.outputs if os.path.lexists(path)]
            foreign += [path for path in there if record is None or not record.wrote(path, plan.output)]
    return Standing(tuple(todo), frozenset(finished), tuple(foreign))
