"""torch alone: eager or compiled, in float32 or under bfloat16 autocast."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from contextlib import nullcontext
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from monai.networks.blocks import ADN
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from monai_mobileunet.outputs import map_outputs
from monai_mobileunet.runtimes.base import Runtime
from monai_mobileunet.runtimes.fused_activations import can_fuse, fuse_activations

__all__ = ["TorchRuntime", "check_compiler", "check_device", "fold_batch_norm"]

NEEDED_TO_COMPILE = {
    "cpu": ("a C++ compiler", "Install one (apt install g++), or name one that works in the variable CXX"),
    "cuda": ("Triton and a C compiler", "Install them (pip install triton; apt install gcc)"),
}


class TorchRuntime(Runtime):
    """A network in torch, made ready for inference: norms folded, channels last, no gradients.

    On an x86 CPU the convolutions of MONAI's blocks apply their activations themselves, in float32; see
    :func:`monai_mobileunet.runtimes.fused_activations.fuse_activations`.

    Args:
        network: a 2D network in any mode and on any device; it is copied and stays as it is.
        dtype: ``torch.float32``, or ``torch.bfloat16`` for autocast.
        compiled: whether :func:`torch.compile` generates code for it. That takes up to half a minute at the
            first call with each batch size and slice size (from the ninth on they run eager), and needs a C++
            compiler, which is tried at once; on a CUDA device the kernels are replayed as a graph.
        dropout: whether dropout stays on, so that every call gives other scores: Monte-Carlo dropout (Gal and
            Ghahramani, https://arxiv.org/abs/1506.02142).

    Raises:
        ValueError: ``compiled`` where nothing can be compiled.
    """

    def __init__(
        self, network: nn.Module, dtype: torch.dtype = torch.float32, compiled: bool = False, dropout: bool = False
    ) -> None:
        folded = fold_batch_norm(copy.deepcopy(network).eval())
        for module in folded.modules():
            if dropout and isinstance(module, _DropoutNd):
                module.train()
        for parameter in folded.parameters():  # at once would not do for TorchScript
            parameter.requires_grad_(False)
        self.network = folded.float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = dtype
        self.device = next((parameter.device for parameter in folded.parameters()), torch.device("cpu"))
        if self.device.type == "cpu" and dtype == torch.float32 and not compiled and can_fuse():
            fuse_activations(self.network)
        self._call = self.network
        if compiled:
            check_compiler(self.device.type)
            graphs = {"triton.cudagraphs": True} if self.device.type == "cuda" else {}
            # Code for any size would be slower, and torch 2.13 fails to make it for channels last.
            self._call = torch.compile(self.network, dynamic=False, options={"freezing": True, **graphs})

    def preferred_batch_size(self, height: int, width: int) -> int:
        """Slices of this size per call: few on a CPU, for its cache; as many as there are on a GPU."""
        return super().preferred_batch_size(height, width) if self.device.type == "cpu" else sys.maxsize

    @torch.no_grad()
    def __call__(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Scores of every class at every pixel; whatever else the network takes and returns passes through."""
        inputs = x.to(self.device, torch.float32).contiguous(memory_format=torch.channels_last)
        in_lower_precision = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype) if in_lower_precision else nullcontext():
            scores = self._call(inputs, *args, **kwargs)

        def own(tensor: torch.Tensor) -> torch.Tensor:
            tensor = tensor.clone() if tensor.is_cuda else tensor  # a graph writes its next output into its memory
            return tensor.to(x.device, torch.float32)

        return map_outputs(own, scores)


@lru_cache  # of what works; an error is not kept
def check_compiler(device_type: str) -> None:
    """Compile something small for a kind of device, so that a missing compiler is found before the first case.

    Args:
        device_type: ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: it does not work; the message says what is needed.
    """
    never_compiled_before = random.Random().random()  # code that torch keeps from earlier would need no compiler

    def small(x: torch.Tensor) -> torch.Tensor:
        return (x * never_compiled_before).sin() + x.cos()

    try:
        torch.compile(small, dynamic=False)(torch.ones(64, 64, device=device_type))
    except (RuntimeError, ImportError, OSError, subprocess.SubprocessError) as error:
        tool, install = NEEDED_TO_COMPILE.get(device_type, NEEDED_TO_COMPILE["cpu"])
        raise ValueError(
            f"the runtimes 'torch_compile' and 'torch_compile_bf16' need {tool} on {device_type}, and none works here "
            f"({_first_line(error)}). {install}, or choose the runtime 'torch' (--runtime torch)."
        ) from error


def _first_line(error: BaseException) -> str:
    """The cause in a few words: what a compiler says is long."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:150]}" if lines else type(error).__name__


def check_device(device: torch.device | str) -> None:
    """Refuse a device that this machine does not have, before anything is moved there.

    Args:
        device: as torch names it.

    Raises:
        ValueError: no such device.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        have = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        raise ValueError(
            f"device {device}: cannot be used ({str(error).splitlines()[0]}). Use {', '.join(['cpu', *have])}."
        ) from error


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Multiply every batch norm that follows a convolution into its weights.

    It finds them where they stand next to each other in a :class:`torch.nn.Sequential` or in MONAI's
    :class:`monai.networks.blocks.Convolution`; others stay, and the scores are the same either way.

    Args:
        network: in eval mode; it is changed.

    Returns:
        The same network.
    """
    for block in network.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for (name, conv), (next_name, following) in pairwise(list(block.named_children())):
            parent, norm_name = block, next_name
            if isinstance(following, ADN) and len(following):
                parent, norm_name = following, next(iter(following._modules))
            norm = parent.get_submodule(norm_name)
            if not isinstance(conv, nn.modules.conv._ConvNd) or not isinstance(norm, nn.modules.batchnorm._BatchNorm):
                continue
            if norm.running_mean is not None and not (conv.transposed and conv.groups > 1):
                setattr(block, name, fuse_conv_bn_eval(conv, norm, transpose=conv.transposed))
                setattr(parent, norm_name, nn.Identity())
    return network
