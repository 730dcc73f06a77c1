"""Time per call of networks in runtimes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from benchmarks.machine import Roofline
from benchmarks.networks import NETWORKS
from benchmarks.timing import Timing, interleave, waiting
from monai_mobileunet.networks.info import count_macs

__all__ = ["EAGER", "SHAPES", "Latency", "measure_latencies"]

EAGER = "torch eager, as built"
SHAPES = ((1, 256), (16, 256), (1, 512), (16, 512))  # batch, size
LARGEST_CALL = 60e9  # multiply-accumulates of a batch; more only for the headline

Call = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Latency:
    """A network in a runtime at a shape.

    Attributes:
        network: its name.
        runtime: likewise.
        batch: slices per call.
        size: pixels along each side.
        macs: multiply-accumulates of the call.
        timing: seconds per call.
        roofline: share of the machine's measured limits that it reaches; ``None`` in int8, whose limit is not known.
    """

    network: str
    runtime: str
    batch: int
    size: int
    macs: int
    timing: Timing
    roofline: float | None


def measure_latencies(
    networks: Mapping[str, nn.Module],
    calls: Mapping[tuple[str, str], Call],
    roofline: Roofline,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    turns: int = 7,
    device: str = "cpu",
    show_step: Callable[[str], None] = lambda text: None,
) -> list[Latency]:
    """Time all calls at all shapes, those of one shape in turns.

    Args:
        networks: by name, with one input channel.
        calls: (network, runtime) → what to call with a batch.
        roofline: of the machine.
        shapes: (batch, size) pairs.
        turns: how often each has its turn.
        device: where the images lie, and the networks that ``calls`` run; a GPU is waited for.
        show_step: gets a line before each shape.
    """
    results = []
    for batch, size in shapes:
        show_step(f"{batch}×{size}²")
        macs = {name: batch * count_macs(network, (1, 1, size, size)).total for name, network in networks.items()}
        images = torch.rand(batch, 1, size, size, device=device)
        chosen = {
            f"{name}\t{runtime}": call
            for (name, runtime), call in calls.items()
            if macs[name] <= LARGEST_CALL or NETWORKS[name].headline
        }
        with torch.no_grad():
            timings = interleave({key: waiting(partial(call, images), device) for key, call in chosen.items()}, turns)
        for key, timing in timings.items():
            name, runtime = key.split("\t")
            weights = 4 * sum(parameter.numel() for parameter in networks[name].parameters())
            traffic = weights + 4 * images.numel() * (1 + 3)  # the image in, three classes out
            floor = roofline.floor(macs[name], traffic, bfloat16="bf16" in runtime)
            share = None if "int8" in runtime else floor / timing.median
            results.append(Latency(name, runtime, batch, size, macs[name], timing, share))
        gc.collect()
    return results
