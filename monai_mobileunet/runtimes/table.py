"""The runtimes by name: a row each. The table comes without torch; what a row makes does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from monai_mobileunet.runtimes.base import Runtime

__all__ = ["RUNTIMES", "RuntimeSpec", "create_runtime", "missing_packages"]


@dataclass(frozen=True)
class RuntimeSpec:
    """A row of :data:`RUNTIMES`.

    Attributes:
        summary: what it is, for a table.
        build: makes the runtime from a network (no conversion), a converted model, or an exported file.
        convert: network and number of input channels → model; ``None`` takes the network as it is.
        quantised: made only from an exported file, since it takes slices to calibrate it.
        packages: modules that have to be installed to call it.
        conversion_packages: further ones, to make it from a network.
        extra: the extra of this package that brings them.
        export: name of the format in :data:`monai_mobileunet.runtimes.formats.FORMATS` whose files it can be made from.
    """

    summary: str
    build: Callable[[Any], Runtime]
    convert: Callable[[nn.Module, int], Any] | None = None
    quantised: bool = False
    packages: tuple[str, ...] = ()
    conversion_packages: tuple[str, ...] = ()
    extra: str = ""
    export: str | None = None


def _torch(network: nn.Module, bfloat16: bool = False, compiled: bool = False) -> Runtime:
    import torch

    from monai_mobileunet.runtimes.torch_runtime import TorchRuntime

    return TorchRuntime(network, torch.bfloat16 if bfloat16 else torch.float32, compiled)


def _onnx_runtime(model: Any) -> Runtime:
    from monai_mobileunet.runtimes.onnx_runtime import OnnxRuntime

    return OnnxRuntime(model)


def _openvino(model: Any, bfloat16: bool = False) -> Runtime:
    from monai_mobileunet.runtimes.openvino_runtime import OpenVinoRuntime

    return OpenVinoRuntime(model, bfloat16)


def _to_onnx(network: nn.Module, in_channels: int) -> bytes:
    from monai_mobileunet.runtimes.conversion import to_onnx
    from monai_mobileunet.runtimes.conversion_cache import kept_conversion

    return kept_conversion(network, in_channels, to_onnx)


RUNTIMES: dict[str, RuntimeSpec] = {
    "torch": RuntimeSpec("torch, float32: nothing to install", _torch),
    "torch_bf16": RuntimeSpec("torch, bfloat16 where it pays", partial(_torch, bfloat16=True)),
    "torch_compile": RuntimeSpec(
        "torch.compile, float32: needs a C++ compiler, half a minute at the first call",
        partial(_torch, compiled=True),
    ),
    "torch_compile_bf16": RuntimeSpec("torch.compile, bfloat16", partial(_torch, bfloat16=True, compiled=True)),
    "onnxruntime": RuntimeSpec(
        "ONNX Runtime, float32",
        _onnx_runtime,
        _to_onnx,
        packages=("onnxruntime",),
        conversion_packages=("onnx", "onnxscript"),
        extra="onnx",
        export="onnx",
    ),
    "openvino": RuntimeSpec(
        "OpenVINO, float32",
        _openvino,
        _to_onnx,
        packages=("openvino",),
        conversion_packages=("onnx", "onnxscript"),
        extra="openvino",
        export="openvino",
    ),
    "openvino_bf16": RuntimeSpec(
        "OpenVINO, bfloat16: needs AVX-512 BF16 or AMX",
        partial(_openvino, bfloat16=True),
        _to_onnx,
        packages=("openvino",),
        conversion_packages=("onnx", "onnxscript"),
        extra="openvino",
        export="openvino",
    ),
    "openvino_int8": RuntimeSpec(
        "OpenVINO, int8, from a model that `mobileunet export` has quantised",
        _openvino,
        quantised=True,
        packages=("openvino",),
        extra="openvino",
        export="openvino_int8",
    ),
}


def missing_packages(name: str, conversion: bool = True) -> list[str]:
    """Modules that a runtime needs and that are not installed.

    Args:
        name: key of :data:`RUNTIMES`.
        conversion: whether it is to be made from a network.
    """
    spec = RUNTIMES[name]
    needed = spec.packages + (spec.conversion_packages if conversion else ())
    return [package for package in needed if find_spec(package) is None]


def _import(name: str, package: str) -> None:
    try:
        import_module(package)
    except ImportError as error:  # it is there, and lacks a library of the system, or was built for another NumPy
        raise ImportError(
            f"runtime '{name}': {package} is installed and cannot be imported ({error}). "
            f"Install it anew: pip install --force-reinstall {package}, or choose the runtime 'torch'."
        ) from error


def create_runtime(
    name: str,
    network: nn.Module | None = None,
    in_channels: int | None = None,
    file: str | PathLike | None = None,
) -> Runtime:
    """Make a network ready to be called, from the network itself or from an exported file.

    Args:
        name: key of :data:`RUNTIMES`.
        network: with its weights; it stays as it is.
        in_channels: of its input; by default those of its first convolution.
        file: a file that was exported for this runtime, in place of ``network``.

    Raises:
        ValueError: a runtime that does not exist, neither a file nor a network where one is needed, a network for
            volumes, one that cannot be converted, or nothing to compile it with.
        ModuleNotFoundError: a package is not installed; the message names the extra that brings it.
        ImportError: one is installed and cannot be imported.
    """
    import torch
    from monai.utils import look_up_option

    from monai_mobileunet.runtimes.manifest import in_channels_of

    spec = RUNTIMES[look_up_option(name, set(RUNTIMES))]
    missing = missing_packages(name, conversion=file is None)
    if missing:
        raise ModuleNotFoundError(
            f"runtime '{name}' needs {', '.join(missing)}, not installed here. "
            f"Install the extra: pip install 'monai_mobileunet[{spec.extra}]', or choose the runtime 'torch'."
        )
    for package in spec.packages:
        _import(name, package)
    if file is not None and spec.export is not None:
        return spec.build(file)
    if spec.quantised:
        raise ValueError(
            f"runtime '{name}' runs only what was quantised for these weights, and no such file was found. "
            f"Make it: mobileunet export BUNDLE --format {spec.export} --data FOLDER_OF_IMAGES."
        )
    if network is None:
        raise ValueError(f"runtime '{name}' is made from a network; give one.")
    in_channels = in_channels_of(network) if in_channels is None else in_channels
    if spec.convert is None:
        return spec.build(network)
    if isinstance(network, torch.jit.ScriptModule):
        raise ValueError(
            f"runtime '{name}' cannot be made from TorchScript. Load model.pt in place of model.ts, export the bundle "
            f"(mobileunet export BUNDLE --format {spec.export} --data FOLDER_OF_IMAGES), or choose the runtime 'torch'."
        )
    try:
        model = spec.convert(network, in_channels)
    except Exception as error:  # a network may hold any operator, and the exporter raise anything
        cause = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
        raise ValueError(
            f"runtime '{name}' cannot be made from {type(network).__name__} ({cause}). Choose the runtime 'torch'."
        ) from error
    return spec.build(model)
