"""What the project promises of its speed, and whether a run kept it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.latency import EAGER, Latency
from benchmarks.networks import BASELINE, DEFAULT, MONAI_UNET
from benchmarks.precision import INT8
from benchmarks.suite import COMPARED, Results

__all__ = ["Goal", "check_goals"]

TORCH_ALONE = ("torch", "torch_compile")
GIB = 2**30


@dataclass(frozen=True)
class Goal:
    """A promise and what was measured.

    Attributes:
        text: what is promised.
        value: measured.
        limit: to be reached, or not to be exceeded.
        at_least: which of the two.
    """

    text: str
    value: float
    limit: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether it was kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def check_goals(results: Results) -> list[Goal]:
    """Compare a run with the promises; those whose runtimes were not there are left out."""
    shapes = sorted({(latency.batch, latency.size) for latency in results.latencies})
    goals = [goal for shape in shapes for goal in _at_shape(results.latencies, *shape)]
    fp32 = [volume for volume in results.volumes if volume.network == DEFAULT and volume.runtime in COMPARED]
    if fp32:
        best = min(fp32, key=lambda volume: volume.bare.median)
        text = f"a volume, array in and mask out, over its bare network ({best.runtime})"
        goals.append(Goal(text, best.overhead, 1.3, at_least=False))
    for memory in results.memory:
        shape_text = "×".join(map(str, memory.shape))
        goals.append(Goal(f"peak memory of {shape_text}, GiB ({memory.runtime})", memory.peak / GIB, 3, at_least=False))
    for precision in results.precision:
        if precision.runtime == INT8:
            goals.append(Goal("Dice of int8 masks to float32, worst class", precision.parity.smallest_dice, 0.99))
    return goals


def _at_shape(latencies: list[Latency], batch: int, size: int) -> Iterator[Goal]:
    seconds = {
        (latency.network, latency.runtime): latency.timing.median
        for latency in latencies
        if (latency.batch, latency.size) == (batch, size)
    }
    ours = {runtime: seconds[DEFAULT, runtime] for runtime in COMPARED if (DEFAULT, runtime) in seconds}
    if not ours:
        return
    best = min(ours, key=lambda runtime: ours[runtime])
    at = f"batch {batch}, {size}²"
    yield Goal(f"{at}: faster than {BASELINE}, both in {best}", seconds[BASELINE, best] / ours[best], 8)
    yield Goal(f"{at}: faster than {MONAI_UNET}, both in {best}", seconds[MONAI_UNET, best] / ours[best], 2)
    yield Goal(f"{at}: in {best}, faster than {BASELINE} in eager torch", seconds[BASELINE, EAGER] / ours[best], 15)
    if (DEFAULT, INT8) in seconds:
        yield Goal(f"{at}: int8 faster than {best}", ours[best] / seconds[DEFAULT, INT8], 1.8)
    alone = min(seconds[DEFAULT, runtime] for runtime in TORCH_ALONE if (DEFAULT, runtime) in seconds)
    yield Goal(f"{at}: torch alone slower than {best}", alone / ours[best], 2.5, at_least=False)
