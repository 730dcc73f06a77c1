from __future__ import annotations

import ast
import errno
import inspect
import os
from pathlib import Path

import numpy as np
import pytest

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort import worker as run_module
from monai_mobileunet.cohort.case_in_hand import CaseInHand, Tools
from monai_mobileunet.cohort.guard import Guarded, OutputError
from monai_mobileunet.cohort.journal import Journal, read_records
from monai_mobileunet.cohort.memory import Budget
from monai_mobileunet.cohort.plan import STATE, Plan
from monai_mobileunet.cohort.worker import segment_cases
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.segmentation.segmenter import Segmentation

STAGES = ("look", "prepare", "predict", "write")


class Steps(Guarded):
    """Stages that fail as they are told."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("x")
        self.error, self.ran = error, []

    def one(self) -> None:
        self.ran.append("one")
        raise self.error

    def two(self) -> None:
        self.ran.append("two")


@pytest.mark.parametrize("kind", [AttributeError, RecursionError, MemoryError, OSError, KeyError, DataError])
def test_what_a_stage_raises_is_kept_and_the_next_ones_do_not_run(kind: type[Exception]):
    error = kind([Finding("x", "is bad.", "Mend it.")]) if kind is DataError else kind()
    steps = Steps(error)
    steps.one()
    steps.two()
    steps.end()
    assert steps.failure is error
    assert steps.ran == ["one"]


@pytest.mark.parametrize("error", [OutputError("full"), KeyboardInterrupt()])
def test_what_ends_the_run_passes(error: BaseException):
    with pytest.raises(type(error)):
        Steps(error).one()


def test_no_stage_of_a_case_stands_outside_of_the_guard():
    public = {name for name, member in vars(CaseInHand).items() if callable(member) and not name.startswith("_")}
    assert public == set(STAGES)
    assert all(hasattr(getattr(CaseInHand, name), "__wrapped__") for name in public)


def test_the_run_itself_sees_no_file():
    """It orders stages; what it could look into a file with, it does not even import."""
    tree = ast.parse(inspect.getsource(run_module))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not {name for name in imported if name.split(".")[0] in ("os", "pathlib", "nibabel", "SimpleITK", "numpy")}
    assert not {name for name in imported if name.startswith("monai_mobileunet.data")}
    touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not touched & {"images", "outputs", "stat", "open"}


class StandIn:
    """Does what a segmenter does, and fails where it is told."""

    def __init__(self, fail_at: str, error: Exception) -> None:
        self.fail_at, self.error = fail_at, error

    def _stage(self, name: str, image: str) -> None:
        if name == self.fail_at and Path(image).name.startswith("bad"):
            raise self.error

    def prepare(self, image: Path) -> str:
        self._stage("prepare", str(image))
        return str(image)

    def predict(self, prepared: str) -> str:
        self._stage("predict", prepared)
        return prepared

    def finish(self, prepared: str, pred: str) -> Segmentation:
        self._stage("finish", prepared)
        affine = np.diag([1e200, 1e200, 1e200, 1]) if self.fail_at == "record" and "bad" in prepared else np.eye(4)
        values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
        return Segmentation(np.ones((3, 4, 5), np.uint8), Volume(values, affine, prepared), ("heart",))


def carry_out(tmp_path: Path, segmenter: StandIn, num_workers: int = 1) -> list:
    cases, rows = [], []
    for name in ("a", "bad", "c"):
        image = tmp_path / f"{name}.nii.gz"
        image.write_bytes(b"image")
        cases.append(CaseRecord(name, (image,), (tmp_path / "out" / image.name,)))
    plan = Plan(tuple(cases), tmp_path / "out")
    with Journal(plan.output / STATE / "journal.jsonl") as journal:
        segment_cases(cases, Tools(plan, segmenter, journal, Budget(), show=rows.append), num_workers)
    return rows


@pytest.mark.parametrize("num_workers", [0, 1, 3])
@pytest.mark.parametrize("stage", ["prepare", "predict", "finish", "record"])
def test_a_case_that_fails_at_any_stage_fails_alone(tmp_path: Path, stage: str, num_workers: int):
    """At the record: the volume is no number that JSON has."""
    rows = carry_out(tmp_path, StandIn(stage, AttributeError("no affine")), num_workers)
    assert {row.name: row.state.value for row in rows} == {"a": "done", "bad": "failed", "c": "done"}
    (problem,) = (row.problem for row in rows if row.problem)
    assert problem.startswith(f"{tmp_path}/bad.nii.gz: was not segmented (")
    records = read_records(tmp_path / "out" / STATE / "journal.jsonl")
    assert {name: record.done for name, record in records.items()} == {"a": True, "bad": False, "c": True}
    assert not (tmp_path / "out" / "bad.nii.gz").exists(), "nothing stays where one looks for a mask"


def test_an_error_without_words_is_told_by_its_kind(tmp_path: Path):
    rows = carry_out(tmp_path, StandIn("predict", RuntimeError()))
    assert "was not segmented (RuntimeError)." in rows[1].problem


def test_one_folder_that_may_not_be_written_to_is_one_case_s_trouble(tmp_path: Path, monkeypatch):
    from monai_mobileunet.cohort import case_in_hand

    write = case_in_hand.write_mask

    def forbidden(mask, path, *rest):
        if path.name.startswith("bad"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        write(mask, path, *rest)

    monkeypatch.setattr(case_in_hand, "write_mask", forbidden)
    rows = carry_out(tmp_path, StandIn("", ValueError()))
    assert [row.state.value for row in rows] == ["done", "failed", "done"]
    assert f"{tmp_path}/out/bad.nii.gz: cannot be written (Permission denied)." in rows[1].problem


def test_a_terminal_that_has_gone_ends_no_run(tmp_path: Path):
    image = tmp_path / "a.nii.gz"
    image.write_bytes(b"image")
    case = CaseRecord("a", (image,), (tmp_path / "out" / image.name,))

    def gone(row):
        raise BrokenPipeError

    with Journal(tmp_path / "out" / STATE / "journal.jsonl") as journal:
        segment_cases(
            [case], Tools(Plan((case,), tmp_path / "out"), StandIn("", ValueError()), journal, Budget(), show=gone)
        )
        assert journal.records["a"].done
