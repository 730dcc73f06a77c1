"""The formats by name: a row each. The table comes without torch; what a row writes does not."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["FORMATS", "Format", "Limits", "Source"]


@dataclass(frozen=True)
class Limits:
    """What an export may differ by.

    Attributes:
        difference: largest between two scores, relative to the largest absolute score.
        dice: smallest of any class, between the two masks.
    """

    difference: float
    dice: float


SAME = Limits(difference=1e-3, dice=0.999)
REDUCED = Limits(difference=float("inf"), dice=0.99)


@dataclass(frozen=True)
class Source:
    """What an export is made from.

    Attributes:
        network: with its weights, in eval mode.
        in_channels: of its input.
        metadata: of the bundle, to go into files that have room for it.
        calibration: ``(1, C, H, W)`` slices of real images, for quantisation.
    """

    network: nn.Module
    in_channels: int
    metadata: dict[str, Any]
    calibration: Sequence[torch.Tensor]

    @cached_property
    def onnx(self) -> bytes:
        """The network as an ONNX model: several formats are made from it, and it takes seconds."""
        from monai_mobileunet.runtimes.conversion import to_onnx

        return to_onnx(self.network, self.in_channels)


@dataclass(frozen=True)
class Format:
    """A row of :data:`FORMATS`.

    Attributes:
        summary: what it is for.
        files: names of what is written, the one to open first.
        write: writes them into a folder.
        load: opens them again.
        limits: what they may differ from torch by.
    """

    summary: str
    files: tuple[str, ...]
    write: Callable[[Source, Path], None]
    load: Callable[[Path], Callable[[torch.Tensor], torch.Tensor]]
    limits: Limits = SAME


def _write_torchscript(source: Source, path: Path) -> None:
    import torch
    from monai.data.torchscript_utils import save_net_with_metadata

    scripted = torch.jit.script(copy.deepcopy(source.network).cpu())
    content = io.BytesIO()  # torch's own writer of files aborts the process if a disk is full
    save_net_with_metadata(scripted, content, meta_values=source.metadata, append_timestamp=False)
    path.write_bytes(content.getvalue())


def _write_onnx(source: Source, path: Path) -> None:
    path.write_bytes(source.onnx)


def _write_openvino(source: Source, path: Path) -> None:
    # From ONNX: OpenVINO's own converter for torch reports its use over the network.
    import openvino

    openvino.save_model(openvino.Core().read_model(source.onnx), path, compress_to_fp16=False)


def _write_openvino_int8(source: Source, path: Path) -> None:
    os.environ.setdefault("NNCF_CI", "1")  # without it NNCF reports its use over the network
    import nncf
    import openvino

    slices = [batch.contiguous().numpy() for batch in source.calibration]
    quantised = nncf.quantize(
        openvino.Core().read_model(source.onnx),
        nncf.Dataset(slices),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(slices),
    )
    openvino.save_model(quantised, path)


def _load_torchscript(path: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    return torch.jit.load(path).eval()


def _runtime(name: str) -> Callable[[Path], Callable[[torch.Tensor], torch.Tensor]]:
    from monai_mobileunet.runtimes.table import create_runtime

    return lambda path: create_runtime(name, file=path)


FORMATS: dict[str, Format] = {
    "torchscript": Format("torch.jit.load, MONAI Label, C++", ("model.ts",), _write_torchscript, _load_torchscript),
    "onnx": Format("ONNX Runtime and most others", ("model.onnx",), _write_onnx, _runtime("onnxruntime")),
    "openvino": Format(
        "OpenVINO in float32 and bfloat16", ("model.xml", "model.bin"), _write_openvino, _runtime("openvino")
    ),
    "openvino_int8": Format(
        "OpenVINO in int8",
        ("model_int8.xml", "model_int8.bin"),
        _write_openvino_int8,
        _runtime("openvino_int8"),
        REDUCED,
    ),
}
