"""ONNX Runtime on the CPU."""

from __future__ import annotations

from os import PathLike

import torch

from monai_mobileunet.runtimes.base import Runtime

__all__ = ["OnnxRuntime"]


class OnnxRuntime(Runtime):
    """An ONNX model in ONNX Runtime.

    Args:
        model: its path, or the model itself as bytes.

    Raises:
        ValueError: a model with more than one input or output.
    """

    def __init__(self, model: str | PathLike | bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that spin while they wait take the cores from whatever runs between two calls.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        self.session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f"the network has {len(inputs)} inputs and {len(outputs)} outputs; ONNX Runtime takes one of each. "
                "Choose the runtime 'torch'."
            )
        self._input = inputs[0].name

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of every class at every pixel."""
        image = x.detach().to("cpu", torch.float32).contiguous().numpy()
        (scores,) = self.session.run(None, {self._input: image})
        return torch.from_numpy(scores).to(x.device)
