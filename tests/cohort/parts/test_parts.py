from __future__ import annotations

import random
from pathlib import Path

import pytest

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.parts import dealing
from monai_mobileunet.cohort.parts.dealing import find_deal, keep_deal, plan_part
from monai_mobileunet.cohort.parts.numbering import deal_cases, find_part, part_of
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.data import DataError


def slurm(index: int, tasks: int, first: int = 0, step: int = 1) -> dict[str, str]:
    names = ("ID", "COUNT", "MIN", "STEP")
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in zip(names, (index, tasks, first, step))}


@pytest.mark.parametrize(
    ("num_parts", "part_id", "environment", "expected"),
    [
        (None, None, {}, None),
        (5, 3, {}, "part 4 of 5 (--part-id 3): 1,200 of 6,000 cases; the other parts are started separately"),
        (5, 3, slurm(7, 9), "part 4 of 5 (--part-id 3)"),
        (None, None, slurm(3, 5), "part 4 of 5 (SLURM_ARRAY_TASK_ID=3)"),
        (None, None, slurm(3, 5), "separately. --num-parts 1 segments all of them here"),
        (None, None, slurm(5, 5, first=1), "part 5 of 5 (SLURM_ARRAY_TASK_ID=5)"),
        (None, None, slurm(30, 4, first=10, step=10), "part 3 of 4 (SLURM_ARRAY_TASK_ID=30)"),
        (10, None, slurm(7, 1, first=7), "part 8 of 10 (SLURM_ARRAY_TASK_ID=7)"),  # one task started again
        (4, None, {"PBS_ARRAY_INDEX": "0"}, "part 1 of 4 (PBS_ARRAY_INDEX=0)"),
        (4, None, {"PBS_ARRAYID": "3"}, "part 4 of 4 (PBS_ARRAYID=3)"),
        (4, None, {"JOB_COMPLETION_INDEX": "2"}, "part 3 of 4 (JOB_COMPLETION_INDEX=2)"),
        (1, None, slurm(3, 5), None),
        (1, 0, slurm(3, 5), None),
        (None, None, {"SLURM_ARRAY_TASK_ID": ""}, None),
        (
            None,
            None,
            slurm(6, 1, first=6),
            "part 1 of 1 (SLURM_ARRAY_TASK_ID=6): 1,200 of 6,000 cases; there is no other",
        ),
    ],
)
def test_a_process_knows_its_part(
    num_parts: int | None, part_id: int | None, environment: dict[str, str], expected: str | None
):
    part = find_part(num_parts, part_id, environment)
    if expected is None:
        assert part is None
    else:
        assert part is not None
        assert expected in part.described(1200, 6000)


@pytest.mark.parametrize(
    ("num_parts", "part_id", "environment", "words"),
    [
        (None, 3, {}, "Type --num-parts, too"),
        (5, 5, {}, "Type a number from 0 to 4"),
        (5, None, {}, "Type --part-id, from 0 to 4"),
        (None, None, {"PBS_ARRAY_INDEX": "3"}, "PBS Pro does not say how many tasks its array has"),
        (4, None, {"JOB_COMPLETION_INDEX": "4"}, "indices go from 0 to 3"),
        (None, None, slurm(7, 3, first=1), "SLURM_ARRAY_TASK_ID=7: is no part of 3"),  # --array=1,2,7
        (None, None, slurm(15, 4, first=10, step=10), "is no part of 4"),
        (None, None, {"SLURM_ARRAY_TASK_ID": "x"}, "is no whole number"),
    ],
)
def test_an_impossible_part_is_refused_in_words(
    num_parts: int | None, part_id: int | None, environment: dict[str, str], words: str
):
    with pytest.raises(ValueError, match=words):
        find_part(num_parts, part_id, environment)


def test_parts_have_about_as_much_to_do_and_every_case_has_one():
    generator = random.Random(0)
    sizes = {f"case_{number:04d}": generator.choice((1, 1, 3, 40)) * 10**6 for number in range(1000)}
    sizes |= {"large": 15 * 10**8, "unreadable": 0, "unreadable too": 0}
    parts = deal_cases(sizes, 7)
    assert sorted(name for names in parts for name in names) == sorted(sizes)
    loads = [sum(sizes[name] for name in names) for names in parts]
    assert max(loads) - min(loads) <= 40 * 10**6
    assert max(loads) < 1.02 * sum(loads) / 7, "by voxels"
    assert max(map(len, parts)) > 1.1 * min(map(len, parts)), "and not by files"
    mixed = list(sizes.items())
    generator.shuffle(mixed)
    assert deal_cases(dict(mixed), 7) == parts, "whatever order they are found in"
    assert all(deal_cases(dict.fromkeys("abcd", 0), 4)), "none is known"
    assert deal_cases({"a": 1}, 3) == [["a"], [], []]


def test_a_deal_stands_once_it_was_made_and_new_cases_have_a_part_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes = {"odd \udcfc": 9, "b": 4, "c": 4}
    monkeypatch.setattr(dealing, "case_bytes", lambda images, spacing: sizes[images[0].name])

    def plan(*names: str) -> Plan:
        return Plan(tuple(CaseRecord(name, (Path(name),)) for name in names), tmp_path)

    def parts_of(planned: Plan, count: int) -> list[list[str]]:
        parts = (find_part(count, number, {}) for number in range(count))
        own = [plan_part(planned, part, find_deal(planned, count)) for part in parts if part is not None]
        assert all(one.names == planned.names for one in own)
        return [[case.name for case in one.cases] for one in own]

    first = find_deal(plan(*sizes), 2)
    assert not list(tmp_path.iterdir()), "nothing is written before it is kept"
    assert keep_deal(first)
    other = find_deal(plan("b"), 3)
    assert other.path != first.path, "another number of parts is another deal"
    assert [path.name for path in first.path.parent.iterdir()] == ["parts-2.json"]

    sizes.update(b=1000)
    assert parts_of(plan(*sizes), 2) == [["odd \udcfc"], ["b", "c"]], "as on record, and no header is read"
    added = [f"new {number}" for number in range(20)]
    dealt = parts_of(plan(*sizes, *added), 2)
    assert sorted(name for names in dealt for name in names) == sorted([*sizes, *added])
    assert {name for name in dealt[1] if name in added} == {name for name in added if part_of(name, 2) == 1}
    assert 5 < len(dealt[0]) < 18

    late = dealing.Deal(first.path, (("b",), ("c", "odd \udcfc")))
    assert not keep_deal(late), "the first one on record stands"
    first.path.write_text('{"parts": [["a"]]}')
    with pytest.raises(DataError, match="does not say which cases the 2 parts have"):
        find_deal(plan("b"), 2)
