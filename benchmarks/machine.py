"""What the machine can do at most: its name, its copy bandwidth and its matrix rate."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

import torch

from benchmarks.timing import interleave, waiting
from monai_mobileunet.machine import describe_processor, installed_version

__all__ = ["Machine", "Roofline", "measure_machine", "measure_roofline"]

PACKAGES = ("torch", "monai", "onnxruntime", "openvino", "nncf", "segmentation_models_pytorch")
MATRIX = 2048
COPY_FLOATS = 64 * 2**20


@dataclass(frozen=True)
class Roofline:
    """Measured limits of the machine.

    Attributes:
        flops: multiplications and additions per second, float32 matrix product.
        flops_bf16: likewise in bfloat16.
        bandwidth: bytes per second that a copy reads and writes.
    """

    flops: float
    flops_bf16: float
    bandwidth: float

    def floor(self, macs: float, traffic: float, bfloat16: bool = False) -> float:
        """Seconds under which nothing can be: the larger of arithmetic and memory traffic in bytes."""
        return max(2 * macs / (self.flops_bf16 if bfloat16 else self.flops), traffic / self.bandwidth)


@dataclass(frozen=True)
class Machine:
    """Where a benchmark ran."""

    processor: str
    cores: int
    threads: int
    capabilities: tuple[str, ...]
    python: str
    packages: dict[str, str]


def measure_machine(device: str = "cpu") -> Machine:
    """Name the processor, or the GPU, and the versions of what is compared."""
    packages = {name: installed_version(name) or "not installed" for name in PACKAGES}
    flags: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    capabilities = tuple(sorted(name for name, there in flags.items() if there is True))
    cores = os.cpu_count() or 1
    on_gpu = torch.device(device).type == "cuda"
    processor = torch.cuda.get_device_name(device) if on_gpu else describe_processor()
    return Machine(processor, cores, torch.get_num_threads(), capabilities, platform.python_version(), packages)


def measure_roofline(device: str = "cpu") -> Roofline:
    """Measure the copy bandwidth and the rate of a large matrix product, with the threads that torch has."""
    source, target = torch.rand(COPY_FLOATS, device=device), torch.empty(COPY_FLOATS, device=device)
    left, right = torch.rand(2, MATRIX, MATRIX, device=device)
    halves = left.bfloat16(), right.bfloat16()
    calls = {
        "copy": lambda: target.copy_(source),
        "float32": lambda: left @ right,
        "bfloat16": lambda: halves[0] @ halves[1],
    }
    times = interleave({name: waiting(call, device) for name, call in calls.items()})
    product = 2 * MATRIX**3
    return Roofline(
        flops=product / times["float32"].fastest,
        flops_bf16=product / times["bfloat16"].fastest,
        bandwidth=2 * 4 * COPY_FLOATS / times["copy"].fastest,
    )
