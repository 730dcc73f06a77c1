"""Interleaved timing: what is to be compared takes turns, so that a slow minute of the machine hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

__all__ = ["Timing", "interleave", "waiting"]


@dataclass(frozen=True)
class Timing:
    """Seconds per call over several turns."""

    median: float
    fastest: float
    slowest: float

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Summarise turns."""
        return cls(statistics.median(seconds), min(seconds), max(seconds))

    def per(self, count: int) -> Timing:
        """Seconds per item of a call with ``count`` of them."""
        return Timing(self.median / count, self.fastest / count, self.slowest / count)

    def __str__(self) -> str:
        return f"{1e3 * self.median:.1f} ({1e3 * self.fastest:.1f}–{1e3 * self.slowest:.1f}) ms"


def interleave(
    calls: Mapping[str, Callable[[], object]], turns: int = 7, turn_seconds: float = 0.2, slow_seconds: float = 2.0
) -> dict[str, Timing]:
    """Time every call in turns.

    A turn is one call that is not counted, to fill the caches and wake the threads, and then as many as fit
    into ``turn_seconds``. A call of more than ``slow_seconds`` has three turns at most and no uncounted call.

    Args:
        calls: what to time, by name.
        turns: how often each has its turn.
        turn_seconds: how long a turn lasts about.
        slow_seconds: from which time on a call counts as slow.
    """
    first: dict[str, float] = {}
    for name, call in calls.items():
        _seconds(call, 1)  # compiles, allocates
        first[name] = _seconds(call, 1)
        if first[name] <= slow_seconds:
            first[name] = _seconds(call, 1)
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns):
        for name, call in calls.items():
            slow = first[name] > slow_seconds
            if slow and turn >= 3:
                continue
            if not slow:
                call()
            measured[name].append(_seconds(call, max(1, int(turn_seconds / first[name]))))
    return {name: Timing.of(seconds) for name, seconds in measured.items()}


def waiting(call: Callable[[], object], device: str) -> Callable[[], object]:
    """The same call, but it returns only when a GPU has done what it was given."""
    if torch.device(device).type != "cuda":
        return call

    def call_and_wait() -> None:
        call()
        torch.cuda.synchronize(device)

    return call_and_wait


def _seconds(call: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times
