"""OpenVINO on the CPU, in float32, bfloat16 or int8."""

from __future__ import annotations

from collections import Counter, OrderedDict
from os import PathLike
from threading import Lock
from typing import TYPE_CHECKING

import torch

from monai_mobileunet.runtimes.base import Runtime

if TYPE_CHECKING:
    import openvino

__all__ = ["OpenVinoRuntime"]

SHAPES_KEPT = 4
CALLS_BEFORE_COMPILING = 2


class OpenVinoRuntime(Runtime):
    """An OpenVINO model.

    It can be called with any shape. One that comes again is compiled for (a tenth of a second), since a
    model of fixed shape is up to a fifth faster; the last few such models are kept.

    Args:
        model: the path of its ``.xml``, or an ONNX model as bytes.
        bfloat16: whether to compute in bfloat16. A model that was quantised computes in int8 where it was.

    Raises:
        RuntimeError: bfloat16 on a CPU that has none.
    """

    def __init__(self, model: str | PathLike | bytes, bfloat16: bool = False) -> None:
        import openvino

        self._core, self._tensor, self._lock = openvino.Core(), openvino.Tensor, Lock()
        if bfloat16 and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError(
                "this CPU has no instructions for bfloat16 (AVX-512 BF16 or AMX), so it would be slower. "
                "Choose the runtime 'openvino' or 'openvino_int8'."
            )
        self._model = self._core.read_model(model if isinstance(model, bytes) else str(model))
        self._properties = {
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._any_shape = self._compile(self._model)
        self._any_request = self._any_shape.create_infer_request()
        self._fixed: OrderedDict[tuple[int, ...], openvino.InferRequest] = OrderedDict()
        self._calls: Counter[tuple[int, ...]] = Counter()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of every class at every pixel."""
        image = x.detach().to("cpu", torch.float32).contiguous().numpy()
        with self._lock:  # a request serves one call at a time
            request = self._request(image.shape)
            request.set_input_tensor(self._tensor(image, shared_memory=True))
            request.infer()
            scores = request.get_output_tensor().data.copy()
        return torch.from_numpy(scores).to(x.device)

    def _request(self, shape: tuple[int, ...]) -> openvino.InferRequest:
        if shape in self._fixed:
            self._fixed.move_to_end(shape)
            return self._fixed[shape]
        self._calls[shape] += 1
        if self._calls[shape] < CALLS_BEFORE_COMPILING:
            return self._any_request
        model = self._model.clone()
        model.reshape(list(shape))
        self._fixed[shape] = self._compile(model).create_infer_request()
        self._any_shape.release_memory()  # features of any shape are kept layer by layer, many times as much
        if len(self._fixed) > SHAPES_KEPT:
            forgotten, _ = self._fixed.popitem(last=False)
            del self._calls[forgotten]
        return self._fixed[shape]

    def _compile(self, model: openvino.Model) -> openvino.CompiledModel:
        return self._core.compile_model(model, "CPU", self._properties)
