"""The whole benchmark: one machine, one run, ratios."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from monai.utils import ensure_tuple
from torch import nn

from benchmarks.latency import EAGER, SHAPES, Latency, measure_latencies
from benchmarks.machine import Machine, Roofline, measure_machine, measure_roofline
from benchmarks.networks import (
    BASELINE,
    DEFAULT,
    IN_CHANNELS,
    MONAI_UNET,
    NETWORKS,
    available_networks,
)
from benchmarks.pipeline import profile_case, profile_large_cases
from benchmarks.precision import INT8, Precision, available_runtimes, measure_precision, quantise
from benchmarks.volume import PeakMemory, VolumeTiming, measure_peak_memory, measure_volumes
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import find_images
from monai_mobileunet.data.files import write_json
from monai_mobileunet.runtimes import RUNTIMES, Runtime, create_runtime
from monai_mobileunet.runtimes.conversion import to_onnx

__all__ = ["Results", "run_benchmarks"]

COMPARED = ("onnxruntime", "openvino")  # with eager torch, where every network is timed
NETWORKS_IN_BOTH = (DEFAULT, MONAI_UNET, BASELINE)
Call = Callable[[torch.Tensor], torch.Tensor]
ShowStep = Callable[[str], None]


@dataclass
class Results:
    """All that one run measured."""

    machine: Machine
    roofline: Roofline
    networks: dict[str, dict[str, Any]]
    latencies: list[Latency] = field(default_factory=list)
    volumes: list[VolumeTiming] = field(default_factory=list)
    memory: list[PeakMemory] = field(default_factory=list)
    precision: list[Precision] = field(default_factory=list)
    pipeline: dict[str, dict[str, float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        content = asdict(self)
        content["volumes"] = [volume.as_dict() for volume in self.volumes]
        return content


def run_benchmarks(
    output_dir: Path,
    bundle: Bundle | None = None,
    data: Path | None = None,
    quick: bool = False,
    device: str = "cpu",
    show_step: ShowStep = lambda text: None,
) -> Results:
    """Measure, write ``results.json``, and log the steps to ``bench.log``.

    What was measured so far is saved after each part.

    Args:
        output_dir: folder for the results; made if it is not there.
        bundle: a trained one, for masks in lower precision and the stages of a case; ``None`` leaves them out.
        data: folder of images such as it segments.
        quick: fewer networks and turns, no long volume: does everything run?
        device: a GPU is measured in torch alone, single calls only.
        show_step: gets a line before each step.

    Raises:
        FileNotFoundError: the bundle has no weights.
        ValueError: its weights are those of another network, or there are no images (DataError).
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    show_step = _logged(show_step, output_dir / "bench.log")
    if bundle is not None and data is not None:  # what is wrong with them shows now and not after everything else
        bundle.load_network()
        find_images(str(data))
    show_step("the machine's limits")
    networks = {name: network.to(device) for name, network in available_networks().items()}
    if quick:
        networks = {name: network for name, network in networks.items() if NETWORKS[name].headline}
    roofline = measure_roofline(device)
    described = {name: _describe(network) for name, network in networks.items()}
    results = Results(measure_machine(device), roofline, described)
    on_cpu = torch.device(device).type == "cpu"
    runtimes = [name for name in available_runtimes() if on_cpu or not RUNTIMES[name].packages]
    calls = _make_calls(networks, runtimes, show_step)
    turns, shapes = (2, SHAPES[:1]) if quick else (5, SHAPES)
    results.latencies = measure_latencies(networks, calls, roofline, shapes, turns, device, show_step)
    _save(results, output_dir)
    if on_cpu:
        _measure_volumes(results, calls, quick, show_step)
        _save(results, output_dir)
        if bundle is not None and data is not None:
            _measure_bundle(results, bundle, data, quick, show_step)
            _save(results, output_dir)
    return results


def _save(results: Results, output_dir: Path) -> None:
    write_json(output_dir / "results.json", results.as_dict(), indent=4)


def _measure_volumes(results: Results, calls: dict[tuple[str, str], Call], quick: bool, show_step: ShowStep) -> None:
    ours = [(DEFAULT, runtime) for runtime in RUNTIMES if "compile" not in runtime and (DEFAULT, runtime) in calls]
    as_built = [(name, EAGER) for name in NETWORKS_IN_BOTH]  # slow: fewer slices are enough
    for keys, slices in ((ours, 4 if quick else 100), (as_built, 4 if quick else 16)):
        chosen = {key: calls[key] for key in keys}
        results.volumes += measure_volumes(chosen, not quick, (512, 512, slices), 2 if quick else 3, show_step)

    long = (512, 512, 16 if quick else 1000)
    for runtime in ("torch", "onnxruntime", "openvino"):
        if runtime in available_runtimes():
            show_step(f"peak memory of {'×'.join(map(str, long))}, {runtime}")
            results.memory.append(measure_peak_memory(runtime, long))


def _measure_bundle(results: Results, bundle: Bundle, data: Path, quick: bool, show_step: ShowStep) -> None:
    runtimes = [name for name in available_runtimes() if "compile" not in name]
    results.precision = measure_precision(bundle, data, runtimes, 2 if quick else 5, show_step)
    show_step("the stages of a case")
    image = Path(ensure_tuple(find_images(str(data))[0]["image"])[0])
    fastest = next(name for name in ("openvino", "onnxruntime", "torch") if name in available_runtimes())
    results.pipeline[image.name] = profile_case(bundle, image)
    results.pipeline |= profile_large_cases(bundle.folder, fastest, (512, 512, 4 if quick else 100))


def _logged(show_step: ShowStep, path: Path) -> ShowStep:
    def both(text: str) -> None:
        show_step(text)
        with path.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    return both


class _PerSize:
    """A network in a runtime, made for each shape of batches at its first call.

    Only what the last shape needed is kept: the runtimes hold on to the memory of their largest call.
    """

    def __init__(self, build: Callable[[Any], Runtime], convert: Callable[[tuple[int, int]], bytes]) -> None:
        self.build, self.convert = build, convert
        self.shape: tuple[int, ...] = ()
        self.runtime: Runtime | None = None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.runtime is None or self.shape != x.shape:
            self.runtime = None  # frees the memory of the last one before the next one asks for its own
            self.runtime, self.shape = self.build(self.convert((x.shape[2], x.shape[3]))), x.shape
        return self.runtime(x)


def _describe(network: nn.Module) -> dict[str, Any]:
    return {"parameters": sum(parameter.numel() for parameter in network.parameters())}


def _make_calls(
    networks: dict[str, nn.Module], runtimes: list[str], show_step: ShowStep
) -> dict[tuple[str, str], Call]:
    """Every network eager as it was built and in the runtimes that are compared; the default in all of them.

    The peers are converted for fixed sizes, since most of them take only multiples of some number.
    """
    calls: dict[tuple[str, str], Call] = {}
    for name, network in networks.items():
        calls[name, EAGER] = network
        convert = cache(partial(to_onnx, network, IN_CHANNELS))
        for runtime in runtimes:
            if name != DEFAULT and runtime not in COMPARED:
                continue
            show_step(f"{name}: making it ready for {runtime}")
            if name != DEFAULT:
                calls[name, runtime] = _PerSize(RUNTIMES[runtime].build, convert)
            elif runtime == INT8:
                calls[name, runtime] = quantise(network, [torch.rand(1, IN_CHANNELS, 256, 256) for _ in range(16)])
            else:
                calls[name, runtime] = create_runtime(runtime, network)
    return calls
