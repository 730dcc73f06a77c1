from __future__ import annotations

import json
import re
from pathlib import Path

from monai_mobileunet.data.label_files import ITK_SNAP, LABELS, known_colours, label_files

NAMES, COLOURS = ("left lung", 'a "cyst"'), ((0, 225, 255), (9, 10, 11))


def test_labels_and_colours_are_read_again_by_who_evaluates_the_masks(tmp_path: Path):
    text = label_files(NAMES, COLOURS, "toy")[LABELS]
    (tmp_path / LABELS).write_text(text)
    assert json.loads(text)["labels"] == {"0": "background", "1": "left lung", "2": 'a "cyst"'}
    assert json.loads(text)["colours"] == {"1": "#00e1ff", "2": "#090a0b"}
    assert known_colours(tmp_path, NAMES) == COLOURS
    assert known_colours(tmp_path, ("left lung",)) == known_colours(tmp_path / "nowhere", NAMES) == ()
    for broken in ("{", "[]", text.replace("#090a0b", "blue"), text.replace("colours", "colors")):
        (tmp_path / LABELS).write_text(broken)
        assert known_colours(tmp_path, NAMES) == ()


def test_itk_snap_reads_its_file():
    """Each line by the format that ITK-SNAP reads with: seven numbers, and a label between quotation marks."""
    lines = label_files(NAMES, COLOURS, "toy")[ITK_SNAP].splitlines()
    rows = [re.fullmatch(r'\s*(\d+)((?:\s+\d+){3})\s+([01])\s+([01])\s+([01])\s+"([^"]*)"', line) for line in lines]
    found = [row for line, row in zip(lines, rows, strict=True) if not line.startswith("#")]
    assert all(found)
    shown = [(int(row[1]), tuple(map(int, row[2].split())), row[3], row[6]) for row in found if row]
    assert shown == [
        (0, (0, 0, 0), "0", "Clear Label"),
        (1, COLOURS[0], "1", "left lung"),
        (2, COLOURS[1], "1", "a 'cyst'"),
    ]
