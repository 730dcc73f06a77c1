"""A whole volume, array in and mask out: time against the bare network, and peak memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from monai.inferers import SliceInferer

from benchmarks.networks import DEFAULT, NETWORKS
from benchmarks.timing import Timing, interleave
from monai_mobileunet.inferers import ContextSliceInferer
from monai_mobileunet.runtimes import Runtime, create_runtime

__all__ = ["PeakMemory", "VolumeTiming", "measure_peak_memory", "measure_volumes"]

SHAPE = (512, 512, 100)
LONG_SHAPE = (512, 512, 1000)
SW_BATCH_SIZE = 16

Call = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class VolumeTiming:
    """A volume through a network in a runtime.

    Attributes:
        network: its name.
        runtime: likewise.
        slices: of the volume.
        bare: the calls of the network alone, over contiguous batches that lie ready.
        ours: :class:`monai_mobileunet.inferers.ContextSliceInferer` with ``argmax``, mask included.
        monai: :class:`monai.inferers.SliceInferer` with :func:`torch.argmax` after it; ``None`` if left out.
    """

    network: str
    runtime: str
    slices: int
    bare: Timing
    ours: Timing
    monai: Timing | None

    @property
    def overhead(self) -> float:
        """Time of ours over that of the bare network."""
        return self.ours.median / self.bare.median

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "overhead": self.overhead}


@dataclass(frozen=True)
class PeakMemory:
    """Largest resident memory of a process that segments one long volume.

    Attributes:
        runtime: its name.
        shape: of the volume, float32.
        before: bytes before the inferer is called: libraries, network, the volume.
        peak: bytes at most.
        seconds: the inferer took.
    """

    runtime: str
    shape: tuple[int, ...]
    before: int
    peak: int
    seconds: float


def measure_volumes(
    calls: Mapping[tuple[str, str], Call],
    with_monai: bool = True,
    shape: tuple[int, int, int] = SHAPE,
    turns: int = 3,
    show_step: Callable[[str], None] = lambda text: None,
) -> list[VolumeTiming]:
    """Time a volume of axial slices through networks.

    Args:
        calls: (network, runtime) → what takes a batch of slices.
        with_monai: whether MONAI's SliceInferer is timed too.
        shape: of the volume.
        turns: how often each has its turn.
        show_step: gets a line before each network.
    """
    volume = torch.rand(1, 1, *shape)
    results = []
    for (network, runtime), call in calls.items():
        show_step(f"{network}, {runtime}: {'×'.join(map(str, shape))}")
        preferred = call.preferred_batch_size(*shape[:2]) if isinstance(call, Runtime) else SW_BATCH_SIZE
        batches = [batch.contiguous() for batch in volume[0].permute(3, 0, 1, 2).split(min(preferred, SW_BATCH_SIZE))]
        inferer = ContextSliceInferer(spatial_dim=2, sw_batch_size=SW_BATCH_SIZE, argmax=True)
        contenders: dict[str, Callable[[], object]] = {
            "bare": partial(_call_all, call, batches),
            "ours": partial(inferer, volume, call),
        }
        if with_monai:
            theirs = SliceInferer(roi_size=shape[:2], sw_batch_size=SW_BATCH_SIZE, spatial_dim=2)
            contenders["monai"] = partial(_scores_and_argmax, theirs, volume, call)
        with torch.no_grad():
            timings = interleave(contenders, turns)
        results.append(VolumeTiming(network, runtime, shape[2], timings["bare"], timings["ours"], timings.get("monai")))
    return results


def _call_all(call: Call, batches: list[torch.Tensor]) -> None:
    for batch in batches:
        call(batch)


def _scores_and_argmax(inferer: SliceInferer, volume: torch.Tensor, call: Call) -> torch.Tensor:
    return torch.as_tensor(inferer(volume, call)).argmax(1, keepdim=True)


def measure_peak_memory(runtime: str, shape: tuple[int, int, int] = LONG_SHAPE) -> PeakMemory:
    """Segment a volume in a process of its own and ask the system for its largest resident memory."""
    arguments = [runtime, *map(str, shape), str(torch.get_num_threads())]
    command = [sys.executable, "-W", "ignore", "-m", __name__, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return PeakMemory(runtime, shape, **json.loads(done.stdout.splitlines()[-1]))


def _resident() -> int:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage tells that of the parent at the fork where that was larger
        return next(
            1024 * int(line.split()[1]) for line in status.read_text(encoding="utf-8").splitlines() if "VmHWM" in line
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _main(runtime: str, height: str, width: str, depth: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    call = create_runtime(runtime, NETWORKS[DEFAULT].build().eval())
    volume = torch.rand(1, 1, int(height), int(width), int(depth))
    before, start = _resident(), time.perf_counter()
    ContextSliceInferer(spatial_dim=2, sw_batch_size=SW_BATCH_SIZE, argmax=True)(volume, call)
    print(json.dumps({"before": before, "peak": _resident(), "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
