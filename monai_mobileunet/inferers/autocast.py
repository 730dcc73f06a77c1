"""Reduced precision for any inferer, on CPU as well as on GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch.overrides import TorchFunctionMode

__all__ = ["AutocastInferer", "has_bfloat16"]

CONVOLUTIONS = (torch.nn.functional.conv2d, torch.nn.functional.conv3d)
GROUPS_POSITION = 6  # conv2d(input, weight, bias, stride, padding, dilation, groups)


def has_bfloat16(device: str | torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware, so that it is faster there than float32.

    Args:
        device: a CPU counts with AVX-512 BF16 (or AMX, which comes with it), as
            :func:`torch.cpu.get_capabilities` tells (older releases of torch lack it: ``False``); a GPU
            as :func:`torch.cuda.is_bf16_supported` tells, emulation left out; any other device does not.
    """
    device = torch.device(device)
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16", False))


class AutocastInferer(Inferer):
    """Run another inferer under :class:`torch.autocast` on the device of its inputs.

    MONAI's engines have ``amp``, but only for CUDA. This works wherever autocast does, so bfloat16 can be
    chosen for training (``train#inferer``), validation and inference by one override.

    In training on a CPU grouped convolutions stay in float32: oneDNN computes the gradient of a strided
    depthwise convolution in bfloat16 about fifteen times slower (30 against 2 ms for 192 channels of
    12×12, kernel 5, batch 32; torch 2.13).

    Args:
        inferer: what to run; :class:`monai.inferers.SimpleInferer` by default.
        dtype: ``torch.bfloat16`` (CPU, GPU) or ``torch.float16`` (GPU; in training use the trainer's ``amp``,
            which scales the loss).
        enabled: ``False`` runs the inferer as it is, under an outer autocast too; a bundle gives
            ``has_bfloat16(device)`` here.
    """

    def __init__(
        self, inferer: Inferer | None = None, dtype: torch.dtype = torch.bfloat16, enabled: bool = True
    ) -> None:
        super().__init__()
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.dtype = dtype
        self.enabled = enabled

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the wrapped inferer returns; scores in float32."""
        if not self.enabled:
            return self.inferer(inputs, network, *args, **kwargs)
        device = inputs.device.type
        with ExitStack() as contexts:
            contexts.enter_context(torch.autocast(device, dtype=self.dtype))
            if device == "cpu" and torch.is_grad_enabled():
                contexts.enter_context(_GroupedConvolutionsInFloat32())
            out = self.inferer(inputs, network, *args, **kwargs)
        return _scores_in_float32(out)


def _scores_in_float32(out: Any) -> Any:
    """One tensor, several in a sequence or a dictionary; anything else as it is."""
    if isinstance(out, torch.Tensor):
        return out.float() if out.is_floating_point() else out
    if isinstance(out, Mapping):
        return {key: _scores_in_float32(value) for key, value in out.items()}
    return type(out)(map(_scores_in_float32, out)) if type(out) in (list, tuple) else out


class _GroupedConvolutionsInFloat32(TorchFunctionMode):
    """Take the grouped convolutions of a network out of autocast, without a change to the network."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func not in CONVOLUTIONS:
            return func(*args, **kwargs)
        groups = args[GROUPS_POSITION] if len(args) > GROUPS_POSITION else kwargs.get("groups", 1)
        if groups == 1:
            return func(*args, **kwargs)
        args = tuple(map(_in_float32, args))
        with torch.autocast("cpu", enabled=False):
            return func(*args, **{key: _in_float32(value) for key, value in kwargs.items()})


def _in_float32(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) else value
