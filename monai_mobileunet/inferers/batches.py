"""Calls of a network in batches that fit into memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

from monai_mobileunet.outputs import Keys, flatten_outputs, pack_outputs

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
        network: takes tensors with the batch first, and returns one, or a tuple or a dictionary of them.
        batch_size: how many items a call gets at most.

    Example:
        ```python
        call = FittingBatches(network, 16)
        scores = call(slices)  # (N, classes, H, W)
        ```
    """

    def __init__(self, network: Callable[..., Any], batch_size: int) -> None:
        self.network = network
        self.batch_size = batch_size

    def __call__(self, inputs: torch.Tensor) -> Any:
        """Outputs for ``(N, ...)`` inputs, in the form in which the network returns them.

        Raises:
            TypeError: a network that returns something other than tensors.
            RuntimeError: memory is too short for a single item, or whatever else the network raises.
        """
        outputs: list[tuple[torch.Tensor, ...]] = []
        keys: Keys = None
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.batch_size]
            output = self._try(batch)
            if output is not None:
                tensors, keys = output
                outputs.append(tensors)
                start += len(batch)
        if len(outputs) == 1:
            return pack_outputs(outputs[0], keys)
        return pack_outputs([torch.cat(parts) for parts in zip(*outputs, strict=True)], keys)

    def _try(self, batch: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], Keys] | None:
        """The network's output; ``None`` where it did not fit and the batch size was halved."""
        try:
            output = self.network(batch)
        except Exception as error:  # those of ONNX Runtime derive from nothing else
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
            self.batch_size = len(batch) // 2
            logger.warning("Memory is too short for %d slices at once; going on with %d.", len(batch), self.batch_size)
        else:
            return flatten_outputs(output)
        if batch.is_cuda:  # the failed call's tensors are gone now that its traceback is
            torch.cuda.empty_cache()
        return None
