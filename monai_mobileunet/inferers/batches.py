"""Calls of a network in batches that fit into memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

__all__ = ["FittingBatches", "is_out_of_memory"]

logger = logging.getLogger(__name__)

MESSAGES = (  # torch on a CPU, the C++ library under ONNX Runtime and OpenVINO, ONNX Runtime's own arena
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "failed to allocate memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was too short, on any device and in any runtime."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(message in str(error).lower() for message in MESSAGES)


class FittingBatches:
    """Call a network in batches, and in batches half as large once memory was too short for one.

    The size that fitted stays for the calls that follow, of this object.

    Args:
        network: takes and returns tensors with the batch first.
        batch_size: how many items a call gets at most.

    Example::

        call = FittingBatches(network, 16)
        scores = call(slices)  # (N, classes, H, W)
    """

    def __init__(self, network: Callable[..., Any], batch_size: int) -> None:
        self.network = network
        self.batch_size = batch_size

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs for ``(N, ...)`` inputs.

        Raises:
            TypeError: a network that returns something other than one tensor.
            RuntimeError: memory is too short for a single item, or whatever else the network raises.
        """
        outputs: list[torch.Tensor] = []
        start = 0
        while start < len(inputs):
            output = self._try(inputs[start : start + self.batch_size])
            if output is not None:
                outputs.append(output)
                start += len(output)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _try(self, batch: torch.Tensor) -> torch.Tensor | None:
        """The network's output; ``None`` where it did not fit and the batch size was halved."""
        try:
            output = self.network(batch)
        except Exception as error:  # those of ONNX Runtime derive from nothing else
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
            self.batch_size = len(batch) // 2
            logger.warning("Memory is too short for %d slices at once; going on with %d.", len(batch), self.batch_size)
        else:
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"the network returned {type(output).__name__}; expected one tensor (N, classes, H, W). "
                    "Call network.eval() if it has deep supervision, or use monai.inferers.SliceInferer."
                )
            return output
        if batch.is_cuda:  # the failed call's tensors are gone now that its traceback is
            torch.cuda.empty_cache()
        return None
