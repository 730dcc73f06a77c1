"""What lower precision costs and gains: masks and time of a trained network on real slices."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from benchmarks.timing import Timing, interleave
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.export import sample_slices
from monai_mobileunet.inferers import has_bfloat16
from monai_mobileunet.runtimes import RUNTIMES, Runtime, create_runtime
from monai_mobileunet.runtimes.formats import FORMATS, Source
from monai_mobileunet.runtimes.parity import Parity, compare_masks
from monai_mobileunet.runtimes.table import missing_packages

__all__ = ["Precision", "available_runtimes", "measure_precision", "quantise"]

INT8 = "openvino_int8"
BATCH = 16


@dataclass(frozen=True)
class Precision:
    """A trained network in a runtime, against float32 in torch.

    Attributes:
        runtime: its name.
        parity: on slices that calibrated nothing.
        timing: seconds per batch of 16 such slices.
    """

    runtime: str
    parity: Parity
    timing: Timing


def available_runtimes() -> list[str]:
    """Names of the runtimes that work here: packages, bfloat16 and a C++ compiler are there where they are needed."""
    names = [name for name in RUNTIMES if not missing_packages(name)]
    left_out = {name for name in names if "bf16" in name and not has_bfloat16("cpu")}
    if not (find_spec("nncf") and find_spec("onnxscript")):
        left_out.add(INT8)
    if not any(shutil.which(compiler) for compiler in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        left_out |= {name for name in names if "compile" in name}
    return [name for name in names if name not in left_out]


def quantise(network: nn.Module, calibration: list[torch.Tensor]) -> Runtime:
    """The network in int8, calibrated with slices ``(1, C, H, W)``."""
    source = Source(network, calibration[0].shape[1], {}, calibration)
    row = FORMATS[INT8]
    with TemporaryDirectory() as folder:
        path = Path(folder) / row.files[0]
        row.write(source, path)
        return create_runtime(INT8, file=path)


def measure_precision(
    bundle: Bundle,
    data: Path,
    runtimes: list[str],
    turns: int = 7,
    show_step: Callable[[str], None] = lambda text: None,
) -> list[Precision]:
    """Compare and time a bundle's network in several runtimes on slices of real images.

    Args:
        bundle: with weights.
        data: folder of images.
        runtimes: keys of :data:`monai_mobileunet.runtimes.RUNTIMES`.
        turns: how often each has its turn.
        show_step: gets a line before each runtime.
    """
    network = bundle.load_network()
    calibration, checked = sample_slices(bundle, data)
    largest = max(checked, key=lambda item: item[0].numel()).shape
    batch = torch.cat([item for item in checked if item.shape == largest][:BATCH])
    with torch.no_grad():
        references = [network(item) for item in checked]
        calls, parities = {}, {}
        for name in runtimes:
            show_step(f"{bundle.folder.name}: {name}")
            calls[name] = quantise(network, calibration) if name == INT8 else create_runtime(name, network)
            parities[name] = compare_masks(references, calls[name], checked)
        timings = interleave({name: partial(call, batch) for name, call in calls.items()}, turns)
    return [Precision(name, parities[name], timings[name]) for name in runtimes]
