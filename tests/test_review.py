"""Verdicts on masks: kept in a table that people edit, too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mobileunet.data.errors import DataError
from monai_mobileunet.review import REVIEW, Quality, Verdict, read_verdicts, write_verdicts

HEAD = "case,verdict,note,time\n"


def test_verdicts_come_back_as_they_were_written(tmp_path: Path):
    assert read_verdicts(tmp_path) == {}
    given = {
        "b": Verdict.given_now("fix", 'left "half",\nupper part; ü'),
        "a,1": Verdict(Quality.GOOD, "=1+1", "2026-01-31T12:00:00+00:00"),
        os.fsdecode(b"caf\xe9"): Verdict(Quality.BAD),
    }
    assert write_verdicts(tmp_path, given) == tmp_path / REVIEW
    read = read_verdicts(tmp_path)
    assert list(read) == ["b", "a,1", "caf\\udce9"]
    assert list(read.values()) == list(given.values())
    write_verdicts(tmp_path, read)
    assert read_verdicts(tmp_path) == read
    assert os.listdir(tmp_path) == [REVIEW]


@pytest.mark.parametrize(
    "content",
    ["\ufeffcase;verdict;note;time\r\na;Good;x;\r\n;;;\r\n", '"case","verdict","note","time"\na,"good ",x,\n\n'],
)
def test_tables_that_a_spreadsheet_program_has_saved_are_read(tmp_path: Path, content: str):
    (tmp_path / REVIEW).write_bytes(content.encode())
    assert read_verdicts(tmp_path) == {"a": Verdict(Quality.GOOD, "x")}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "is ''; expected case,verdict,note,time"),
        (b"case,verdict\na,good\n", 1, "is 'case,verdict'; expected case,verdict,note,time"),
        (HEAD.encode() + b"a,good,,\nb,excellent,,\n", 3, "the verdict is 'excellent'; expected one of good, fix, bad"),
        (HEAD.encode() + b'a,good,"two\nlines",\nb,good\n', 4, "has 2 columns; expected 4"),
        (HEAD.encode() + b"a,good,,\na,bad,,\n", 3, "names the case a again"),
        (HEAD.encode() + b",bad,,\n", 2, "names no case"),
        (HEAD.encode() + b'a,good,"open,\n', 2, "cannot be read"),
        (HEAD.encode() + b"a,good,,\nb,good,h\xfcbsch,\n", 3, "is not written in UTF-8"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(tmp_path: Path, content: bytes, line: int, words: str):
    (tmp_path / REVIEW).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_verdicts(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / REVIEW}, line {line}: ")
    assert words in str(error.value)
    assert (tmp_path / REVIEW).read_bytes() == content


def test_an_unknown_verdict_is_refused_before_it_is_written():
    with pytest.raises(ValueError, match="the verdict is 'great'; expected one of good, fix, bad"):
        Verdict.given_now("great")
