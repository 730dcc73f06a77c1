from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monai_mobileunet.bundle.json_files import COLUMNS, layout, write_files

CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=12), inner, max_size=8),
    max_leaves=40,
)


@given(st.dictionaries(st.text(max_size=12), CONTENT, max_size=8))
def test_the_layout_is_json_of_the_same_content_in_the_same_order(content: dict):
    text = layout(content)
    assert json.dumps(json.loads(text)) == json.dumps(content)
    containers = [line for line in text.splitlines() if line.rstrip(",").endswith(("]", "}")) and len(line) > COLUMNS]
    assert not containers, "a list or object that is longer than a line is divided"


def test_short_lists_and_objects_stand_on_one_line():
    assert layout({"a": [1, 2], "b": {"c": "é"}}) == '{\n  "a": [1, 2],\n  "b": {"c": "é"}\n}\n'


def test_files_are_replaced_together_or_not_at_all(tmp_path: Path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match="missing"):
        write_files({tmp_path / "a": "new", tmp_path / "missing" / "b": "new"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}
    write_files({tmp_path / "a": "new", tmp_path / "b": "also"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "also"}
