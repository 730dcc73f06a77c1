"""Reduced precision for any inferer, on CPU as well as on GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer

__all__ = ["AutocastInferer"]


class AutocastInferer(Inferer):
    """Run another inferer under :class:`torch.autocast` on the device of its inputs.

    MONAI's engines have ``amp``, but only for CUDA. This works wherever autocast does, so bfloat16 can be
    chosen for training (``train#inferer``), validation and inference by one override.

    Args:
        inferer: what to run; :class:`monai.inferers.SimpleInferer` by default.
        dtype: ``torch.bfloat16`` (CPU, GPU) or ``torch.float16`` (GPU; in training use the trainer's ``amp``,
            which scales the loss).
    """

    def __init__(self, inferer: Inferer | None = None, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.dtype = dtype

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Scores as the wrapped inferer returns them, in float32 if they are one tensor."""
        with torch.autocast(inputs.device.type, dtype=self.dtype):
            out = self.inferer(inputs, network, *args, **kwargs)
        return out.float() if isinstance(out, torch.Tensor) else out
