"""A network as an ONNX model, in memory, for any batch and any size of slices; OpenVINO reads it too."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

__all__ = ["to_onnx"]

BATCH, SIZE = 2, (64, 96)  # of the example; a length of 1 an export would take for a constant
OPSET = 18


def to_onnx(network: nn.Module, in_channels: int, size: tuple[int, int] | None = None) -> bytes:
    """Convert a network to an ONNX model with inputs ``image`` and outputs ``pred``, for any batch.

    Args:
        network: in any mode, with its weights; it stays as it is.
        in_channels: of its input.
        size: height and width of the slices it is for; ``None`` for any, which a network has to take that is to
            be converted so.

    Returns:
        The model, weights included.
    """
    network = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
    example = torch.zeros(BATCH, in_channels, *(size or SIZE))
    dynamic = dict.fromkeys((0,) if size else (0, 2, 3), torch.export.Dim.DYNAMIC)
    with _quiet(), TemporaryDirectory() as folder:
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["pred"],
            dynamic_shapes=(dynamic,),
            verbose=False,
        )
        assert program is not None
        path = Path(folder) / "model.onnx"
        program.save(path)
        return path.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter logs a warning for every operator of torchvision, which no network here has."""
    exporter = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        exporter.setLevel(level)
