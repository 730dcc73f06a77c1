"""Whom the end of a worker is laid to: cases that it had in hand, and of these none that has its mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.cohort.case_in_hand import Tools
from monai_mobileunet.cohort.executors.supervision import Unfinished, supervise
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.memory import Budget
from monai_mobileunet.cohort.plan import Plan


class EndingWorkers:
    """An executor whose workers end with each case, after some records of it.

    Args:
        worker: journal of the workers.
        states: what is on record of a case before its worker ends, by the name of the case.
    """

    def __init__(self, worker: Journal, states: dict[str, Sequence[CaseState]]) -> None:
        self.worker, self.states = worker, states
        self.given: list[tuple[str, bool]] = []

    def segment(self, cases: Sequence[CaseRecord], alone: bool = False) -> list[Unfinished]:
        for case in cases:
            self.given.append((case.name, alone))
            for state in self.states[case.name]:
                self.worker.write(replace(case, state=state, attempts=case.attempts + 1, settings="s"))
        return [Unfinished(case, "ended by SIGKILL") for case in cases]


@pytest.fixture
def tools(tmp_path: Path):
    plan = Plan((), tmp_path)
    plan.state.mkdir()
    (plan.state / "scratch").mkdir()
    shown: list[CaseRecord] = []
    with Journal(plan.state / plan.journal) as journal:
        yield Tools(plan, None, journal, Budget(), "s", show=shown.append)


def case(folder: Path, name: str, attempts: int = 0) -> CaseRecord:
    return CaseRecord(name, (folder / f"{name}.nii",), (folder / f"{name}_mask.nii",), attempts=attempts)


def test_only_what_a_worker_had_in_hand_is_put_aside(tools: Tools, tmp_path: Path):
    states = {"seen": [CaseState.IN_HAND], "unseen": [], "done": [CaseState.IN_HAND, CaseState.DONE]}
    worker = Journal(tools.plan.state / tools.plan.journal, claim=None, own=True)
    executor = EndingWorkers(worker, states)
    supervise(executor, [case(tmp_path, name) for name in states], tools)
    records = tools.journal.records
    assert records["done"].done, "its worker was killed when the mask was on disk"
    assert records["seen"].failed
    assert "among others and then alone (ended by SIGKILL)" in records["seen"].problem
    assert executor.given.count(("done", True)) == 0
    assert executor.given.count(("seen", True)) == 1
    assert executor.given.count(("unseen", True)) == 3, "it is not to blame, and is tried again"
    assert "no worker lived long enough" in records["unseen"].problem


def test_what_two_runs_ended_with_comes_last_and_alone(tools: Tools, tmp_path: Path):
    worker = Journal(tools.plan.state / tools.plan.journal, claim=None, own=True)
    executor = EndingWorkers(worker, {"a": [CaseState.DONE], "b": [CaseState.DONE]})
    supervise(executor, [case(tmp_path, "a", attempts=2), case(tmp_path, "b")], tools)
    assert executor.given == [("b", False), ("a", True)]


def test_a_display_that_fails_ends_nothing(tools: Tools, tmp_path: Path):
    def gone(record: CaseRecord) -> None:
        raise OSError("the terminal has gone")

    worker = Journal(tools.plan.state / tools.plan.journal, claim=None, own=True)
    supervise(EndingWorkers(worker, {"a": [CaseState.DONE]}), [case(tmp_path, "a")], replace(tools, show=gone))
    assert tools.journal.records["a"].done
