"""A network as a file for the page: ONNX, its weights in as many bits as asked for, compressed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.runtimes.manifest import probe, same_scores
from monai_mobileunet.runtimes.table import missing_packages
from monai_mobileunet.webpage.kinds import WEIGHTS

if TYPE_CHECKING:
    import onnx

__all__ = ["ExportedNetwork", "compressed", "differs_on_probe", "output_problem", "page_network"]

SMALL = 256
"""Values up to which a tensor stays in float32, as biases do whatever their size: there is nothing to save."""

OUTPUT_AXIS = {"Conv": 0, "ConvTranspose": 1}
"""Axis of the output channels of an operator's weights, each of which has a scale of its own in int8."""

LARGEST = 127.0
"""Of int8, on both sides: its scale is symmetric."""

TOLERANCE = {"float32": 1e-4, "float16": 1e-2}
"""Share of the largest score of the probe by which one may differ; int8 is judged by masks alone."""


def page_network(network: nn.Module, in_channels: int, weights: str) -> bytes:
    """A network as an ONNX model whose weights take as many bits as asked for, and which computes in float32.

    Args:
        network: with its weights.
        in_channels: of its input.
        weights: key of :data:`monai_mobileunet.webpage.kinds.WEIGHTS`.

    Raises:
        ModuleNotFoundError: a package is not installed; the message names the extra that brings it.
        ValueError: the network cannot be converted.
    """
    if missing := missing_packages("onnxruntime"):
        raise ModuleNotFoundError(
            f"A network for the page needs {', '.join(missing)}, not installed here. "
            "Install the extra: pip install 'monai_mobileunet[onnx]'."
        )
    from monai_mobileunet.runtimes.conversion import to_onnx
    from monai_mobileunet.runtimes.conversion_cache import kept_conversion

    try:
        model = kept_conversion(network, in_channels, to_onnx)
    except Exception as error:  # a network may hold any operator, and the exporter raise anything
        raise ValueError(
            f"{type(network).__name__} cannot be made into a network for the page ({root_cause(error)}). "
            "Use a network of this package, or segment with mobileunet segment."
        ) from error
    return model if weights == WEIGHTS[0] else _reduced(model, REDUCTIONS[weights])


def output_problem(model: bytes, num_classes: int) -> str | None:
    """Why the page could not use what a model gives; ``None`` if it can.

    Args:
        model: in ONNX.
        num_classes: of the bundle, the background counted.
    """
    import onnx

    outputs = onnx.load_from_string(model).graph.output
    if len(outputs) != 1:
        return f"its network gives {len(outputs)} outputs; the page takes one."
    classes = outputs[0].type.tensor_type.shape.dim[1].dim_value
    if classes not in (0, num_classes):  # 0 where the model leaves it open
        return f"its network gives scores of {classes} classes; the bundle has {num_classes}, the background counted."
    return None


def compressed(model: bytes) -> bytes:
    """A model as it is served; the same model gives the same bytes at any time."""
    return gzip.compress(model, 9, mtime=0)


def differs_on_probe(network: nn.Module, exported: nn.Module, in_channels: int, weights: str) -> bool:
    """Whether the scores of a fixed image differ by more than the weights allow.

    Args:
        network: in torch, in eval mode.
        exported: the same, made for the page.
        in_channels: of their input.
        weights: key of :data:`monai_mobileunet.webpage.kinds.WEIGHTS`.
    """
    found, expected = (probe(one, in_channels) for one in (exported, network))
    tolerance = TOLERANCE.get(weights, float("inf"))
    return not same_scores(found, expected, tolerance)


Reduced = tuple[list["onnx.TensorProto"], list["onnx.NodeProto"]]
"""What is stored in place of a tensor, and what makes float32 of it again: operators that runtimes carry out once, when
they load a model. DequantizeLinear is none of those: a call of the network then took 48 ms in place of 29."""

Reduction = Callable[[str, np.ndarray, str], Reduced | None]
"""Name and values of weights, and the operator that takes them → what becomes of them; ``None`` if they stay."""


def _reduced(model: bytes, reduce: Reduction) -> bytes:
    """A model whose large weights are stored in fewer bits, behind operators that make float32 of them."""
    import onnx
    from onnx import numpy_helper

    loaded = onnx.load_from_string(model)
    graph = loaded.graph
    taken_by = {name: node.op_type for node in graph.node for name in node.input[1:2]}
    stored: list[onnx.TensorProto] = []
    widening: list[onnx.NodeProto] = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        is_large = values.dtype == np.float32 and values.ndim > 1 and values.size > SMALL
        reduced = reduce(tensor.name, values, taken_by.get(tensor.name, "")) if is_large else None
        stored += [tensor] if reduced is None else reduced[0]
        widening += [] if reduced is None else reduced[1]
    made = onnx.helper.make_graph([*widening, *graph.node], graph.name, graph.input, graph.output, stored)
    graph.CopyFrom(made)
    onnx.checker.check_model(loaded)
    return loaded.SerializeToString(deterministic=True)


def _to_float16(name: str, values: np.ndarray, operator: str) -> Reduced | None:
    """Half the bits; weights that are too large for them stay as they are."""
    from onnx import TensorProto, helper, numpy_helper

    if not np.abs(values).max() <= np.finfo(np.float16).max:
        return None
    half = numpy_helper.from_array(values.astype(np.float16), f"{name}.float16")
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _to_int8(name: str, values: np.ndarray, operator: str) -> Reduced | None:
    """A quarter of the bits, with a scale for each output channel; weights of other operators stay as they are."""
    from onnx import TensorProto, helper, numpy_helper

    axis = OUTPUT_AXIS.get(operator)
    if axis is None:
        return None
    others = tuple(dim for dim in range(values.ndim) if dim != axis)
    scales = np.abs(values).max(axis=others, keepdims=True) / np.float32(LARGEST)
    scales[scales == 0] = 1  # a channel of nothing but zeros
    whole = np.clip(np.rint(values / scales), -LARGEST, LARGEST).astype(np.int8)
    stored = [numpy_helper.from_array(whole, f"{name}.int8"), numpy_helper.from_array(scales, f"{name}.scales")]
    return stored, [
        helper.make_node("Cast", [f"{name}.int8"], [f"{name}.whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.whole", f"{name}.scales"], [name]),
    ]


REDUCTIONS: dict[str, Reduction] = {"float16": _to_float16, "int8": _to_int8}


class ExportedNetwork(nn.Module):
    """A model for the page in ONNX Runtime, in the place of a network."""

    def __init__(self, model: bytes) -> None:
        super().__init__()
        from monai_mobileunet.runtimes.onnx_runtime import OnnxRuntime

        self._runtime = OnnxRuntime(model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of every class at every pixel."""
        return self._runtime(x)
