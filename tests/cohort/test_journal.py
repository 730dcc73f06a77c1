from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from monai_mobileunet.case_record import CaseRecord, CaseState, Comparison
from monai_mobileunet.cohort import standing
from monai_mobileunet.cohort.journal import Journal, read_records, settings_key
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.cohort.standing import find_standing, written_file
from monai_mobileunet.data import DataError
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.data.formats import image_states
from monai_mobileunet.evaluation import ClassResult, Outcome


@pytest.fixture
def case(tmp_path: Path) -> CaseRecord:
    (tmp_path / "in.nii").write_bytes(b"image")
    (tmp_path / "out.nii").write_bytes(b"mask")
    return CaseRecord("x", (tmp_path / "in.nii",), (tmp_path / "out.nii",))


def record(case: CaseRecord, settings: str = "s", state: CaseState = CaseState.DONE) -> CaseRecord:
    written = {path.name: written_file(path) for path in case.outputs}
    return replace(case, state=state, settings=settings, inputs=image_states(case.images), written=written)


def holds(known: CaseRecord, case: CaseRecord, settings: str, folder: Path) -> bool:
    return case.name in find_standing(Plan((case,), folder), {case.name: known}, settings).finished


def test_a_record_is_read_again_as_it_was(tmp_path: Path, case: CaseRecord):
    result = ClassResult(Outcome.BOTH, 0.9, 1.0, 0.5, 1.0, 2.0, 2.5)
    known = replace(
        record(case),
        label=tmp_path / "label.nii",
        warnings=["odd"],
        shape=[1, 2, 3],
        spacing_mm=[1.0, 1.0, 2.5],
        volumes_ml={"liver": 2.0},
        seconds={"read": 0.1},
        comparison=Comparison("key", [["label.nii", 3, 4]], {"liver": result}),
    )
    with Journal(tmp_path / "j" / "journal.jsonl") as journal:
        journal.write(known)
        assert journal.concluded == {"x"}
    again = read_records(tmp_path / "j" / "journal.jsonl")
    assert again == {"x": known}
    assert holds(again["x"], case, "s", tmp_path)
    assert read_records(tmp_path / "none.jsonl") == {}


def test_the_last_record_of_a_case_counts(tmp_path: Path, case: CaseRecord):
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.write(record(case))
        journal.write(record(case, state=CaseState.FAILED))
    assert not read_records(tmp_path / "journal.jsonl")["x"].done


@pytest.mark.parametrize("cut", [2, 20, 60])
def test_a_line_that_was_cut_off_is_passed_over_and_spoils_none_that_follow(tmp_path: Path, case: CaseRecord, cut: int):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write(record(case))
        journal.write(replace(record(case), name="y"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_records(path)) == ["x"]
    with Journal(path) as journal:
        journal.write(replace(record(case), name="z"))
    assert list(read_records(path)) == ["x", "z"]


def test_what_has_changed_is_not_finished(tmp_path: Path, case: CaseRecord):
    known = record(case)
    assert holds(known, case, "s", tmp_path)
    assert not holds(known, case, "other settings", tmp_path)
    assert not holds(replace(known, state=CaseState.FAILED), case, "s", tmp_path)
    assert not holds(replace(known, state=CaseState.IN_HAND), case, "s", tmp_path), "in hand when the run was killed"
    moved = replace(case, outputs=(tmp_path / "out.nrrd",))
    assert not holds(known, moved, "s", tmp_path), "the mask goes elsewhere now"
    case.outputs[0].write_bytes(b"MASK")
    assert not holds(known, case, "s", tmp_path), "another mask of the same size"
    case.outputs[0].unlink()
    assert not holds(known, case, "s", tmp_path)
    case.outputs[0].write_bytes(b"mask")
    assert holds(known, case, "s", tmp_path)
    os.utime(case.images[0], (1, 1))
    assert not holds(known, case, "s", tmp_path), "the image was written again"


def test_masks_are_hashed_only_where_their_size_or_time_is_not_that_on_record(
    tmp_path: Path, case: CaseRecord, monkeypatch: pytest.MonkeyPatch
):
    known, hashed = record(case), []
    monkeypatch.setattr(standing, "hash_file", lambda path: hashed.append(path) or hash_file(path))
    assert holds(known, case, "s", tmp_path)
    assert hashed == []
    os.utime(case.outputs[0], (1, 1))  # as a copy of the folder has it
    found = find_standing(Plan((case,), tmp_path), {"x": known}, "s")
    assert hashed == [case.outputs[0]]
    assert found.touched == ("x",)
    assert holds(found.finished["x"], case, "s", tmp_path)
    assert len(hashed) == 1, "on record with its new time it is not hashed again"


def test_a_folder_of_the_first_version_is_gone_on_with(tmp_path: Path, case: CaseRecord):
    outputs = {path.name: hash_file(path) for path in case.outputs}
    row = {"case": "x", "status": "done", "images": [str(case.images[0])], "warnings": ["odd"]}
    row["metrics"] = {"liver": asdict(ClassResult(Outcome.BOTH, 0.9, 1.0, 0.5, 1.0, 2.0, 2.5))}
    old = {"case": "x", "settings": "s", "inputs": image_states(case.images), "outputs": outputs, "row": row}
    (tmp_path / "journal.jsonl").write_text(json.dumps({**old, "begun": 0, "reference": []}) + "\n")
    (known,) = read_records(tmp_path / "journal.jsonl").values()
    assert known.warnings == ["odd"]
    assert known.results["liver"].dice == 0.9
    assert holds(known, case, "s", tmp_path)
    case.outputs[0].write_bytes(b"another mask")
    assert not holds(known, case, "s", tmp_path)
    assert find_standing(Plan((case,), tmp_path), {"x": known}, "s").foreign == case.outputs


def test_files_of_a_series_are_watched_one_by_one(tmp_path: Path):
    (tmp_path / "ct").mkdir()
    (tmp_path / "ct" / "1.dcm").write_bytes(b"1")
    before = image_states([tmp_path / "ct"])
    (tmp_path / "ct" / "2.dcm").write_bytes(b"2")
    assert image_states([tmp_path / "ct"]) != before
    assert image_states([tmp_path / "gone"]) == []
    assert len(image_states([tmp_path / "ct" / "1.dcm"])) == 2, "the other files of a series too"
    for name in ("x.mhd", "x.raw", "other.raw"):
        (tmp_path / name).write_bytes(b"1")
    assert [Path(path).name for path, *_ in image_states([tmp_path / "x.mhd"])] == ["x.mhd", "x.raw"]


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path):
    with Journal(tmp_path / "journal.jsonl"), pytest.raises(DataError, match="another run writes to this folder"):
        Journal(tmp_path / "journal.jsonl")
    Journal(tmp_path / "journal.jsonl").__exit__(None, None, None)


def test_settings_have_one_key_whatever_their_order():
    assert settings_key({"a": 1, "b": [2]}) == settings_key({"b": [2], "a": 1})
    assert settings_key({"a": 1}) != settings_key({"a": 2})
