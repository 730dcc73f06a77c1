"""A cohort in parts: which part a process has, as options or a scheduler say, and how cases are dealt. All is pure."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from monai_mobileunet.wording import counted

__all__ = ["SCHEDULERS", "Part", "Scheduler", "deal_cases", "find_part", "part_of"]


@dataclass(frozen=True)
class Scheduler:
    """How the array jobs of a scheduler tell a process which of them it is, in variables of its environment.

    Attributes:
        name: of the scheduler.
        index: variable with the number of the task.
        tasks: variable with the number of tasks; empty where the scheduler has none.
        first: likewise with the smallest index.
        step: likewise with the distance of two indices.
    """

    name: str
    index: str
    tasks: str = ""
    first: str = ""
    step: str = ""


SCHEDULERS = (
    Scheduler(
        "SLURM",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        "SLURM_ARRAY_TASK_MIN",
        "SLURM_ARRAY_TASK_STEP",
    ),
    Scheduler("PBS Pro", "PBS_ARRAY_INDEX"),
    Scheduler("Torque", "PBS_ARRAYID"),
    Scheduler("Kubernetes", "JOB_COMPLETION_INDEX"),
)
"""SLURM: https://slurm.schedmd.com/job_array.html; PBS Pro: ``qsub -J``; Torque: ``qsub -t``; Kubernetes: an indexed
Job. The last three do not tell how many tasks there are."""


@dataclass(frozen=True)
class Part:
    """A part of a cohort, for one process.

    Attributes:
        number: from 0 on.
        count: how many parts there are.
        named_by: the option or the variable that said so, as it was typed or set.
        typed: whether the parts were asked for by an option, and not by a scheduler alone.
    """

    number: int
    count: int
    named_by: str
    typed: bool = True

    def described(self, own: int, total: int) -> str:
        """The part for people.

        Args:
            own: how many cases it has.
            total: how many there are.
        """
        others = "the other parts are started separately" if self.count > 1 else "there is no other part"
        remedy = "" if self.typed else ". --num-parts 1 segments all of them here"
        return (
            f"part {self.number + 1} of {self.count} ({self.named_by}): {own:,} of "
            f"{counted(total, 'case')}; {others}{remedy}"
        )


def find_part(num_parts: int | None, part_id: int | None, environment: Mapping[str, str]) -> Part | None:
    """The part of the cases that this process has.

    Args:
        num_parts: ``--num-parts``; 1 for all cases, whatever a scheduler says.
        part_id: ``--part-id``; by default a scheduler's.
        environment: variables of the process.

    Returns:
        The part; ``None`` for all cases.

    Raises:
        ValueError: a part without the number of parts or the other way round, or one that there cannot be.
    """
    if part_id is not None:
        if num_parts is None:
            raise ValueError(f"--part-id {part_id}: of how many parts? Type --num-parts, too.")
        if not 0 <= part_id < num_parts:
            problem = f"there are {num_parts} parts, and the first is 0"
            raise ValueError(f"--part-id {part_id}: {problem}. Type a number from 0 to {num_parts - 1}.")
        return Part(part_id, num_parts, f"--part-id {part_id}") if num_parts > 1 else None
    if num_parts == 1:
        return None
    for scheduler in SCHEDULERS:
        if environment.get(scheduler.index):
            return _part_of_task(scheduler, num_parts, environment)
    if num_parts is not None:
        problem = f"which of them is this process to segment? Type --part-id, from 0 to {num_parts - 1}"
        raise ValueError(f"--num-parts {num_parts}: {problem}, or start it as an array job.")
    return None


def _part_of_task(scheduler: Scheduler, num_parts: int | None, environment: Mapping[str, str]) -> Part:
    """The part of a task of an array.

    Where an array has as many tasks as there are parts, its first task has the first part. A task that is started
    again alone has the part of its index.
    """
    index = _number(scheduler.index, environment)
    tasks, first, step = (
        _number(name, environment) if name and environment.get(name) else default
        for name, default in ((scheduler.tasks, None), (scheduler.first, 0), (scheduler.step, 1))
    )
    named_by, count = f"{scheduler.index}={index}", tasks if num_parts is None else num_parts
    if index is None or first is None or count is None:
        problem = f"{scheduler.name} does not say how many tasks its array has"
        raise ValueError(f"{named_by}: {problem}. Type --num-parts with their number, or --num-parts 1 for all cases.")
    number, rest = divmod(index - first, step or 1) if tasks == count else (index, 0)
    if rest or not 0 <= number < count:
        problem = f"is no part of {count}, whose indices go from 0 to {count - 1}"
        raise ValueError(f"{named_by}: {problem}. Start the array with these, or type --num-parts and --part-id.")
    return Part(number, count, named_by, typed=num_parts is not None)


def _number(name: str, environment: Mapping[str, str]) -> int | None:
    try:
        return int(environment[name])
    except ValueError as error:
        remedy = "Unset it, or type --num-parts and --part-id."
        raise ValueError(f"{name}={environment[name]!r}: is no whole number. {remedy}") from error


def deal_cases(sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """Deal cases so that all parts have about as much to do: the largest first, each to the part with the least.

    Args:
        sizes: what each case takes, in any unit, by its name; 0 where that is not known, which counts as the mean.
        count: how many parts there are.

    Returns:
        The names of each part. The same cases are dealt alike by every process.
    """
    known = [size for size in sizes.values() if size > 0]
    usual = max(1, round(sum(known) / len(known))) if known else 1
    parts: list[list[str]] = [[] for _ in range(count)]
    loads = [(0, number) for number in range(count)]
    for size, name in sorted((-(size if size > 0 else usual), name) for name, size in sizes.items()):
        load, number = heapq.heappop(loads)
        parts[number].append(name)
        heapq.heappush(loads, (load - size, number))
    return parts


def part_of(name: str, count: int) -> int:
    """The part of a case that was not there when the others were dealt: by its name alone, so that all agree."""
    return int(hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest(), 16) % count
