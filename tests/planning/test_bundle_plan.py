from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import BUNDLES, HIPPOCAMPUS

from monai_mobileunet.data import DataError
from monai_mobileunet.planning import Plan


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_every_decision_of_a_shipped_bundle_has_a_reason(bundle: Path):
    decisions = json.loads((bundle / "plan.json").read_text())
    settings = decisions.pop("settings")
    for name, decision in {**decisions, **settings}.items():
        assert len(decision["reason"]) > 10, name


def changed(folder: Path, name: str, entry: Any) -> Path:
    content = json.loads((HIPPOCAMPUS / "plan.json").read_text())
    content[name] = entry
    if entry is None:
        del content[name]
    (folder / "plan.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("spacing", None, r"lacks spacing\."),
        ("spacings", {"value": 1, "reason": "a"}, r"has the unknown spacings\."),
        ("spacing", [1, 1, 1], r'spacing is \[1, 1, 1\]\. Write {"value": …, "reason": "…"}'),
        ("spacing", {"value": [1, 1, 1]}, "spacing is"),
        ("spacing", {"value": [1, 1, 1], "reason": ""}, "spacing is"),
        ("spacing", {"value": [1, 1, 1], "reason": "a", "why": "b"}, "spacing is"),
        ("settings", {"windows": {"value": 1}}, "windows is .* it may have rule, train, only too"),
    ],
)
def test_a_plan_that_is_none_is_refused_in_words(tmp_path: Path, name: str, entry: Any, said: str):
    with pytest.raises(DataError, match=said):
        Plan.read(changed(tmp_path, name, entry))


def test_a_change_is_recorded_with_its_reason_and_what_is_equal_stays():
    plan = Plan.read(HIPPOCAMPUS)
    new = plan.changed({"context": 2, "out_step": 3, "divide_by_plane": False, "task": "Toys", "seed": 1}, "by hand")
    assert (new.context.value, new.context.reason) == (2, "by hand")
    assert new.out_step is plan.out_step
    assert new.settings["divide_by_plane"].value is False
    assert new.settings["divide_by_plane"].train == plan.settings["divide_by_plane"].train
    assert new.texts.value == {**plan.texts.value, "task": "Toys"}
    assert plan.changed({}, "by hand") == plan
