"""Where the time of a whole case goes: every transform of a bundle, its inferer, and the way back."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import torch
from monai.data.utils import decollate_batch, list_data_collate
from torch import nn

from benchmarks.networks import DEFAULT
from monai_mobileunet.bundle import Bundle

__all__ = ["profile_case", "profile_large_cases"]

INFER = "inferer"
LARGE = (512, 512, 100)
SPACINGS = {"on its own grid": [-1, -1, -1], "resampled to 1.5×1.5×3 mm": [1.5, 1.5, 3.0]}


def profile_case(bundle: Bundle, image: Path, repeats: int = 3) -> dict[str, float]:
    """Segment a case as ``inference.json`` does and time the stages.

    Args:
        bundle: with weights; where it writes is its ``output_dir``.
        image: the case.
        repeats: how often; the fastest of each stage counts. The first is not counted: it makes the runtime.

    Returns:
        Seconds of every transform, by its place and class, and of the inferer; in their order.
    """
    return _profile(bundle, bundle.load_network(), image, repeats)


def profile_large_cases(folder: Path, runtime: str, shape: tuple[int, int, int] = LARGE) -> dict[str, dict[str, float]]:
    """Time the stages of a volume as large as a CT, on its own grid and resampled.

    It goes through a bundle's transforms with the default network in place of the bundle's; noise in int16, so
    that reading and writing compress as badly as they can.

    Args:
        folder: the bundle's.
        runtime: key of :data:`monai_mobileunet.runtimes.RUNTIMES`.
        shape: of the volume, which has 0.8×0.8×2 mm.

    Returns:
        The stages of each, by name.
    """
    stages = {}
    with TemporaryDirectory() as temporary:
        image = Path(temporary) / "images" / "large.nii.gz"
        image.parent.mkdir()
        noise = np.random.RandomState(0).normal(0, 200, shape).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(noise, np.diag([-0.8, -0.8, 2.0, 1.0])), image)
        for name, spacing in SPACINGS.items():
            overrides = {
                "network_def#variant": DEFAULT,
                "slice_inferer#roi_size": list(shape[:2]),
                "spacing": spacing,
                "mirror_axes": [],
                "runtime": runtime,
                "dataset_dir": str(image.parent),
                "output_dir": str(Path(temporary) / "out"),
                "device": "cpu",
            }
            bundle = Bundle(folder, **overrides)
            network = bundle.parser.get_parsed_content("network").eval()
            stages[f"{'×'.join(map(str, shape))}, {name}"] = _profile(bundle, network, image, repeats=2)
    return stages


def _profile(bundle: Bundle, network: nn.Module, image: Path, repeats: int) -> dict[str, float]:
    preprocessing, postprocessing = bundle.preprocessing, bundle.parser.get_parsed_content("postprocessing")
    inferer = bundle.parser.get_parsed_content("inferer")
    fastest: dict[str, float] = {}
    for repeat in range(repeats + 1):
        seconds: dict[str, float] = {}
        data: Any = _transforms("before", preprocessing, {"image": str(image)}, seconds)
        batch = list_data_collate([data])
        with torch.no_grad():
            batch["pred"] = _timed(seconds, INFER, partial(inferer, batch["image"], network))
        (data,) = decollate_batch(batch)
        _transforms("after", postprocessing, data, seconds)
        if repeat:
            fastest = {stage: min(value, fastest.get(stage, value)) for stage, value in seconds.items()}
    return fastest


def _transforms(part: str, compose: Any, data: Any, seconds: dict[str, float]) -> Any:
    for index, transform in enumerate(compose.transforms):
        stage = f"{part} {index + 1}: {type(transform).__name__}"
        data = _timed(seconds, stage, partial(transform, data))
    return data


def _timed(seconds: dict[str, float], stage: str, call: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = call()
    seconds[stage] = time.perf_counter() - start
    return result
