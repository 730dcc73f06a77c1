"""The cases of a cohort dealt to its parts by their headers, once: on record, so that all parts hold to it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.memory import case_bytes
from monai_mobileunet.cohort.parts.numbering import Part, deal_cases, part_of
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.data.datasets.listing import read_json
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.files import write_json

__all__ = ["Deal", "find_deal", "keep_deal", "plan_part"]

READERS = 8
"""Threads that read headers, which wait for disks and networks rather than for a processor."""


@dataclass(frozen=True)
class Deal:
    """Which part each case has.

    Attributes:
        path: where it is on record, or will be.
        parts: names of the cases of each part.
    """

    path: Path
    parts: tuple[tuple[str, ...], ...]

    @property
    def numbers(self) -> Mapping[str, int]:
        """The part of each case that was there when the cases were dealt, by its name."""
        return {name: number for number, names in enumerate(self.parts) for name in names}


def find_deal(plan: Plan, count: int, spacing: Sequence[float] | None = None) -> Deal:
    """The deal on record, or a new one by the sizes of all images. Nothing is written.

    Args:
        plan: all cases.
        count: how many parts there are.
        spacing: mm per voxel that images are resampled to; ``None`` if they are not.

    Raises:
        DataError: a record that is none.
    """
    path = plan.state / f"parts-{count}.json"
    if path.is_file():
        return _read_deal(path, count)
    with ThreadPoolExecutor(READERS) as pool:
        sizes = pool.map(partial(_size, spacing), plan.cases)
        known = {case.name: size for case, size in zip(plan.cases, sizes, strict=True)}
    return Deal(path, tuple(map(tuple, deal_cases(known, count))))


def keep_deal(deal: Deal) -> bool:
    """Put a deal on record, unless another process was first.

    Returns:
        Whether the deal on record is this one.

    Raises:
        DataError: a record that is none.
        OSError: it cannot be written.
    """
    path = deal.path
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        complete = path.with_name(f".{secrets.token_hex(8)}-{path.name}")
        try:
            write_json(complete, {"parts": deal.parts}, indent=0)
            _put_first(complete, path)
        finally:
            complete.unlink(missing_ok=True)
    return _read_deal(path, len(deal.parts)) == deal


def plan_part(plan: Plan, part: Part, deal: Deal) -> Plan:
    """The part's own cases of a plan, which keeps the names of the others."""
    known = deal.numbers
    own = [case for case in plan.cases if known.get(case.name, part_of(case.name, part.count)) == part.number]
    others = {case.name for case in plan.cases} - {case.name for case in own}
    return replace(plan, cases=tuple(own), elsewhere=frozenset(others))


def _size(spacing: Sequence[float] | None, case: CaseRecord) -> int:
    return case_bytes(case.images, spacing)


def _put_first(complete: Path, path: Path) -> None:
    """Give a complete file its name, if no file has it."""
    try:
        os.link(complete, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links; two that deal at once deal alike, if no image comes just then
        os.replace(complete, path)


def _read_deal(path: Path, count: int) -> Deal:
    content = read_json(path)
    parts = content.get("parts") if isinstance(content, dict) else None
    sound = isinstance(parts, list) and all(isinstance(names, list) for names in parts) and len(parts) == count
    if parts is None or not sound:
        problem = f"does not say which cases the {count} parts have."
        raise refusal(path, problem, "Wait for the parts that run, then remove it: the next part deals the cases anew.")
    return Deal(path, tuple(map(tuple, parts)))
