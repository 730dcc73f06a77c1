"""Words that all messages share."""

from __future__ import annotations

from monai_mobileunet.wording import counted


def test_one_thing_is_no_plural():
    assert [counted(number, "case") for number in (0, 1, 2, 12345)] == ["0 cases", "1 case", "2 cases", "12,345 cases"]
    assert [counted(number, "class", "classes") for number in (1, 3)] == ["1 class", "3 classes"]
