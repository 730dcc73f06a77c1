from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from monai_mobileunet.cohort.case_files import file_states, hash_file
from monai_mobileunet.cohort.journal import Journal, Record, read_records, settings_key
from monai_mobileunet.cohort.plan import PlannedCase
from monai_mobileunet.data import DataError


@pytest.fixture
def case(tmp_path: Path) -> PlannedCase:
    (tmp_path / "in.nii").write_bytes(b"image")
    (tmp_path / "out.nii").write_bytes(b"mask")
    return PlannedCase("x", (tmp_path / "in.nii",), (tmp_path / "out.nii",))


def record(case: PlannedCase, settings: str = "s", status: str = "done") -> Record:
    outputs = {path.name: hash_file(path) for path in case.outputs}
    return Record(case.name, settings, file_states(case.images), outputs, {"status": status})


def test_a_record_is_read_again(tmp_path: Path, case: PlannedCase):
    with Journal(tmp_path / "j" / "journal.jsonl") as journal:
        journal.write(record(case))
    again = read_records(tmp_path / "j" / "journal.jsonl")
    assert again == {"x": record(case)}
    assert again["x"].still_holds(case, "s", tmp_path)
    assert read_records(tmp_path / "none.jsonl") == {}


def test_the_last_record_of_a_case_counts(tmp_path: Path, case: PlannedCase):
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.write(record(case))
        journal.write(record(case, status="failed"))
    assert not read_records(tmp_path / "journal.jsonl")["x"].done


@pytest.mark.parametrize("cut", [2, 20, 60])
def test_a_line_that_was_cut_off_is_passed_over_and_spoils_none_that_follow(
    tmp_path: Path, case: PlannedCase, cut: int
):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write(record(case))
        journal.write(replace(record(case), case="y"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_records(path)) == ["x"]
    with Journal(path) as journal:
        journal.write(replace(record(case), case="z"))
    assert list(read_records(path)) == ["x", "z"]


def test_what_has_changed_is_not_finished(tmp_path: Path, case: PlannedCase):
    known = record(case)
    assert known.still_holds(case, "s", tmp_path)
    assert not known.still_holds(case, "other settings", tmp_path)
    assert not replace(known, row={"status": "failed"}).still_holds(case, "s", tmp_path)
    assert not replace(known, begun=1).still_holds(case, "s", tmp_path), "in hand when the run was killed"
    moved = replace(case, outputs=(tmp_path / "out.nrrd",))
    assert not known.still_holds(moved, "s", tmp_path), "the mask goes elsewhere now"
    case.outputs[0].write_bytes(b"MASK")
    assert not known.still_holds(case, "s", tmp_path), "another mask of the same size"
    case.outputs[0].unlink()
    assert not known.still_holds(case, "s", tmp_path)
    case.outputs[0].write_bytes(b"mask")
    assert known.still_holds(case, "s", tmp_path)
    os.utime(case.images[0], (1, 1))
    assert not known.still_holds(case, "s", tmp_path), "the image was written again"


def test_files_of_a_series_are_watched_one_by_one(tmp_path: Path):
    (tmp_path / "ct").mkdir()
    (tmp_path / "ct" / "1.dcm").write_bytes(b"1")
    before = file_states([tmp_path / "ct"])
    (tmp_path / "ct" / "2.dcm").write_bytes(b"2")
    assert file_states([tmp_path / "ct"]) != before
    assert file_states([tmp_path / "gone"]) == []
    assert len(file_states([tmp_path / "ct" / "1.dcm"])) == 2, "the other files of a series too"
    for name in ("x.mhd", "x.raw", "other.raw"):
        (tmp_path / name).write_bytes(b"1")
    assert [Path(path).name for path, *_ in file_states([tmp_path / "x.mhd"])] == ["x.mhd", "x.raw"]


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path):
    with Journal(tmp_path / "journal.jsonl"), pytest.raises(DataError, match="another run writes to this folder"):
        Journal(tmp_path / "journal.jsonl")
    Journal(tmp_path / "journal.jsonl").__exit__(None, None, None)


def test_settings_have_one_key_whatever_their_order():
    assert settings_key({"a": 1, "b": [2]}) == settings_key({"b": [2], "a": 1})
    assert settings_key({"a": 1}) != settings_key({"a": 2})
