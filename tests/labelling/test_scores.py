from __future__ import annotations

from pathlib import Path

from monai_mobileunet.labelling.scores import Score, Scores, state_of


def test_scores_are_kept_by_image_and_replaced(tmp_path: Path):
    scores = Scores(tmp_path / "scores" / "model.json")
    assert scores.read() == {}
    scores.add("a", Score(0.2, "w1", "i1"))
    scores.add("b", Score(0.0, "w1", "i2", "cannot be read"))
    scores.add("a", Score(0.3, "w2", "i1"))
    assert scores.read() == {"a": Score(0.3, "w2", "i1"), "b": Score(0.0, "w1", "i2", "cannot be read")}
    assert [path.name for path in scores.path.parent.iterdir()] == ["model.json"], "no temporary file is left"


def test_a_file_that_changes_has_another_state(tmp_path: Path):
    path = tmp_path / "image.nii.gz"
    path.write_bytes(b"one")
    before = state_of(path)
    path.write_bytes(b"three")
    assert state_of(path) != before
