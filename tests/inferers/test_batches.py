"""Batches that are too large for the memory, simulated and real."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from monai_mobileunet import ContextSliceInferer
from monai_mobileunet.inferers.batches import FittingBatches, is_out_of_memory

REAL = """
import resource, torch
from monai_mobileunet import ContextSliceInferer
torch.set_num_threads(1)
sizes = []
def network(x):  # 64 MiB of features per slice
    sizes.append(len(x))
    features = torch.empty(len(x), 256, 256, 256).fill_(1)
    return features[:, :2].clone()
volume = torch.rand(1, 1, 256, 256, 16)
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 700 * 2**20,) * 2)
labels = ContextSliceInferer(2, sw_batch_size=16, argmax=True)(volume, network)
print(tuple(labels.shape), sizes)
"""


class Limited:
    """Does not fit more than ``limit`` slices at once."""

    def __init__(self, limit: int, error: BaseException) -> None:
        self.limit, self.error, self.sizes = limit, error, []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        if len(x) > self.limit:
            raise self.error
        return 2 * x


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("Exception from src/inference: std::bad_alloc"),
    MemoryError(),
]
try:
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException
except ImportError:
    pass
else:
    ERRORS.append(
        RuntimeException("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for 8 bytes")
    )


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error)[:20])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(error):
    network = Limited(3, error)
    batches = FittingBatches(network, 16)
    inputs = torch.rand(20, 1, 2, 2)
    assert torch.equal(batches(inputs), 2 * inputs)
    assert network.sizes == [16, 8, 4, 2, *[2] * 9]
    assert batches.batch_size == 2, "the size that fitted is remembered"


def test_the_inferer_goes_on_with_smaller_batches(caplog):
    network = Limited(3, ERRORS[0])
    volume = torch.rand(1, 1, 5, 6, 10)
    assert torch.equal(ContextSliceInferer(2, sw_batch_size=8)(volume, network), 2 * volume)
    assert network.sizes == [8, 4, 2, 2, 2, 2, 2]
    assert "Memory is too short for 8 slices at once; going on with 4." in caplog.text


def test_windows_too():
    network = Limited(2, ERRORS[1])
    volume = torch.rand(1, 1, 9, 9, 4)
    scores = ContextSliceInferer(2, 5, sw_batch_size=4)(volume, network)
    torch.testing.assert_close(scores, 2 * volume)


def test_a_single_slice_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        FittingBatches(Limited(0, ERRORS[0]), 4)(torch.rand(3, 1, 2, 2))


def test_other_errors_are_not_taken_for_it():
    error = RuntimeError("expected scalar type Float but found Half")
    assert not is_out_of_memory(error)
    network = Limited(0, error)
    with pytest.raises(RuntimeError, match="scalar type"):
        FittingBatches(network, 4)(torch.rand(4, 1, 2, 2))
    assert network.sizes == [4]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_a_process_that_really_runs_out_of_memory():
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    shape, sizes = done.stdout.strip().split(") [")
    assert shape == "(1, 1, 256, 256, 16"
    sizes = [int(size) for size in sizes.rstrip("]").split(",")]
    assert sizes[0] == 16
    assert max(sizes[-2:]) <= 8
