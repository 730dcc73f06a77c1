"""What all runtimes have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

__all__ = ["Runtime"]


class Runtime(ABC):
    """A network made ready to be called, many times, without gradients.

    It takes the place of the network in any inferer: ``(N, C, H, W)`` float tensors in, ``(N, classes, H, W)``
    float32 tensors of their own out, on the device of the input. Runtimes for the CPU use
    :func:`torch.get_num_threads` threads at the time they are made, so one setting counts for all.
    """

    pixels_per_call: ClassVar[int] = 512 * 512
    """Pixels of the whole batch beyond which a call is no faster per slice, since its features leave the cache."""

    def preferred_batch_size(self, height: int, width: int) -> int:
        """Slices of this size per call that the runtime is fastest with."""
        return max(1, self.pixels_per_call // (height * width))

    @abstractmethod
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of every class at every pixel."""
