"""The pages' JavaScript does what the bundles' Python does, number by number."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai import transforms
from monai.data import MetaTensor

from monai_mobileunet.inferers import ContextSliceInferer
from monai_mobileunet.slicing import slice_axes
from monai_mobileunet.transforms import (
    CropForegroundd,
    KeepLargestComponentsd,
    RestoreGridd,
    Spacingd,
    SplitByPlaned,
)

RUNNER = Path(__file__).with_name("run_pipeline.mjs")
RANDOM = np.random.default_rng(22)
RAS = {"transform": "Orientationd", "keys": ["image"], "axcodes": "RAS"}
WHOLE = {
    "planes": ["axial"],
    "context": 0,
    "mirror_axes": [],
    "out_slices": 1,
    "out_step": 1,
    "roi_size": [-1, -1],
    "overlap": [0.25, 0.25],
    "mode": "gaussian",
    "sigma_scale": [0.125, 0.125],
    "sw_batch_size": 4,
}


@dataclass
class Case:
    """A volume, what is done to it here, and the same in the words of bundle.json."""

    image: np.ndarray
    affine: np.ndarray
    steps: list[tuple[Any, dict[str, Any]]]
    inference: dict[str, Any] | None = None
    after: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    classes: int = 3

    def as_json(self) -> dict[str, Any]:
        inference = self.inference and {
            **self.inference,
            "planes": [slice_axes(plane) for plane in self.inference["planes"]],
        }
        return {
            "shape": self.image.shape[1:],
            "affine": self.affine.tolist(),
            "channels": len(self.image),
            "preprocessing": [words for _, words in self.steps],
            "inference": inference,
            "postprocessing": [words for _, words in self.after],
            "classes": self.classes,
        }


def axis_order(number: int) -> np.ndarray:
    """One of the 48 affines whose axes are the body's, in any order and direction, with spacing and origin."""
    order = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)][number % 6]
    signs = [1 if number // 6 & (1 << axis) else -1 for axis in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * signs * [0.7, 1.3, 2.9]
    affine[:3, 3] = [-11.5, 20.25, 3.125]
    return affine


def turned(angles: tuple[float, float, float], spacing: tuple[float, float, float]) -> np.ndarray:
    """An oblique affine."""
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [other for other in range(3) if other != axis]
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ one
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = [3.5, -80.125, 41.0]
    return affine


def respaced(pixdim: list[float], low: list[float] | None = None, high: list[float] | None = None) -> Any:
    words = {"transform": "Spacingd", "keys": ["image"], "pixdim": pixdim, "min_pixdim": low, "max_pixdim": high}
    arguments = {"pixdim": pixdim, "min_pixdim": low, "max_pixdim": high, "dtype": torch.float32, "mode": "bilinear"}
    return Spacingd("image", **arguments), words


def oriented(axcodes: str = "RAS") -> Any:
    return transforms.Orientationd("image", axcodes, labels=None), {**RAS, "axcodes": axcodes}


RESTORED = (RestoreGridd("pred", "image"), {"transform": "RestoreGridd", "keys": ["pred"], "orig_keys": "image"})


def values(*shape: int) -> np.ndarray:
    return (RANDOM.normal(size=shape) * 300).astype(np.float32)


def geometry_cases() -> list[Case]:
    cases = []
    for number in range(48):
        steps = [oriented(), respaced([1.0, 1.6, 2.0])] if number % 2 else [oriented("LPI"), respaced([1.5, 0.9, 3.1])]
        cases.append(Case(values(1, 9, 11, 7), axis_order(number), steps, WHOLE, [RESTORED]))
    oblique = [(0.1, 0.2, -0.3), (0.9, -0.4, 0.2), (1e-6, 0, 0), (0.01, 2.0, 0.5)]
    for angles in oblique:
        for spacing in ((1.0, 1.0, 1.0), (0.43, 0.43, 5.0), (2.0, 0.5, 0.5)):
            affine = turned(angles, spacing)
            cases.append(Case(values(2, 8, 10, 6), affine, [oriented(), respaced([0.8, 0.8, 1.0])], WHOLE, [RESTORED]))
    sheared = turned((0.1, 0.2, 0.3), (1.0, 1.2, 2.0))
    sheared[:3, :3] = sheared[:3, :3] @ np.array([[1, 0.2, 0], [0, 1, 0.1], [0, 0, 1]])
    cases.append(Case(values(1, 8, 10, 6), sheared, [oriented(), respaced([1.0, 1.0, 1.5])], WHOLE, [RESTORED]))
    kept = respaced([4.0, 4.0, 2.5], [3.5, 3.5, 1.9], [5.5, 5.5, 3.5])
    cases.append(Case(values(1, 30, 30, 20), np.diag([0.98, 3.6, 2.0, 1.0]), [oriented(), kept], WHOLE, [RESTORED]))
    cases.append(Case(values(1, 1, 12, 12), np.diag([5.0, 1.0, 1.0, 1.0]), [oriented(), respaced([5.0, 1.3, 1.3])]))
    return cases


def intensity_cases() -> list[Case]:
    clipped = {"lower": 0.5, "upper": 99.5, "channel_wise": True}
    clip = (
        transforms.ClipIntensityPercentilesd("image", **clipped),
        {"transform": "ClipIntensityPercentilesd", "keys": ["image"], **clipped},
    )
    normal = (
        transforms.NormalizeIntensityd("image", channel_wise=True),
        {"transform": "NormalizeIntensityd", "keys": ["image"], "channel_wise": True},
    )
    offset = (
        transforms.Lambdad("image", lambda x: x - 1024 if x.min() >= 0 else x),
        {"transform": "Lambdad", "keys": ["image"], "offset": 1024},
    )
    body = {"source_key": "image", "margin": 2, "allow_smaller": True}
    crop = (
        CropForegroundd("image", select_fn=lambda x: x > -500, **body),
        {"transform": "CropForegroundd", "keys": ["image"], **body, "margin": [2, 2, 2], "above": -500},
    )
    padded = {"source_key": "image", "margin": 3, "allow_smaller": False}
    pad = (
        CropForegroundd("image", select_fn=lambda x: x > 100, **padded),
        {"transform": "CropForegroundd", "keys": ["image"], **padded, "margin": [3, 3, 3], "above": 100},
    )
    window = {"a_min": -160, "a_max": 240, "b_min": -2, "b_max": 2, "clip": True}
    windows: list[Any] = [
        (
            transforms.CopyItemsd("image", names="bone"),
            {"transform": "CopyItemsd", "keys": ["image"], "names": ["bone"]},
        ),
        (
            transforms.ScaleIntensityRanged("image", **window),
            {"transform": "ScaleIntensityRanged", "keys": ["image"], **window},
        ),
        (
            transforms.ScaleIntensityRanged("bone", **{**window, "a_max": 1600}),
            {"transform": "ScaleIntensityRanged", "keys": ["bone"], **window, "a_max": 1600},
        ),
        (
            transforms.ConcatItemsd(["image", "bone"], "image"),
            {"transform": "ConcatItemsd", "keys": ["image", "bone"], "name": "image"},
        ),
        (transforms.DeleteItemsd("bone"), {"transform": "DeleteItemsd", "keys": ["bone"]}),
    ]
    air = np.full((1, 20, 18, 12), -1000, np.float32)
    air[:, 5:13, 4:16, 3:9] = RANDOM.integers(-400, 1500, (1, 8, 12, 6))
    return [
        Case(values(2, 20, 21, 22), np.eye(4), [oriented(), clip, normal]),
        Case(values(1, 101, 100, 101), np.eye(4), [oriented(), clip, normal]),  # over a million, NumPy's percentiles
        Case(air, axis_order(13), [oriented(), offset, crop, *windows], WHOLE, [RESTORED]),
        Case(
            air + 1024,
            axis_order(20),
            [oriented(), offset, respaced([1.0, 1.0, 2.0]), crop, *windows],
            WHOLE,
            [RESTORED],
        ),
        Case(air, np.eye(4), [pad]),
        Case(np.full((1, 4, 4, 4), 7, np.float32), np.eye(4), [clip, normal]),
    ]


def inference_cases() -> list[Case]:
    def case(shape: tuple[int, ...], after: list[Any] | None = None, **settings: Any) -> Case:
        return Case(values(*shape), axis_order(5), [oriented()], {**WHOLE, **settings}, [*(after or []), RESTORED], 4)

    largest = (
        KeepLargestComponentsd("pred", [1, 3]),
        {"transform": "KeepLargestComponentsd", "keys": ["pred"], "applied_labels": [1, 3]},
    )
    split = {"spatial_axis": 1, "lower": 2, "upper": 1}
    divided = (SplitByPlaned("pred", **split), {"transform": "SplitByPlaned", "keys": ["pred"], **split})
    return [
        case((1, 9, 14, 11), context=2),
        case((2, 9, 14, 11), context=1, mirror_axes=[0]),
        case((1, 9, 14, 11), context=1, mirror_axes=[0, 1, 2], out_slices=3, out_step=1),
        case((1, 9, 14, 11), context=5, mirror_axes=[2], out_slices=5, out_step=3),
        case((1, 9, 14, 3), context=1, out_slices=5, out_step=5),
        case((1, 9, 14, 11), planes=["axial", "coronal", "sagittal"], context=1),
        case((1, 9, 14, 11), planes=["sagittal", 1], context=1, mirror_axes=[1], out_slices=3, out_step=2),
        case((1, 40, 33, 5), roi_size=[16, 12], context=1),
        case((1, 40, 33, 5), roi_size=[16, 64], overlap=[0.5, 0.1], mode="constant", mirror_axes=[0]),
        case((1, 40, 33, 5), roi_size=[10, 12], sigma_scale=[0.2, 0.3], out_slices=3, out_step=1, context=1),
        Case(channels_for(pieces()), axis_order(5), [oriented()], WHOLE, [largest, RESTORED], 4),
        Case(channels_for(frayed()), axis_order(17), [oriented()], WHOLE, [divided, RESTORED], 4),
        Case(channels_for(frayed()), axis_order(47), [oriented()], WHOLE, [divided, RESTORED], 4),
    ]


def channels_for(labels: np.ndarray) -> np.ndarray:
    """An image of two channels for which the product of four classes has these labels."""
    return np.array([[-1, -5, 1, -1], [-2, -1, -1, 1]], np.float32)[:, labels]


def pieces() -> np.ndarray:
    """Three classes in pieces, some of which touch at a corner and some of which are equally large."""
    labels = np.zeros((16, 15, 14), int)
    labels[1:4, 1:4, 1:4] = labels[4:6, 4:6, 4:6] = labels[9:12, 9:12, 9:11] = 1
    labels[8, 1:4, 1] = labels[8, 1:4, 6] = labels[1, 8:11, 12] = 3
    labels[12, 1, 1] = labels[14, 12, 12] = 2
    for step in range(1, 5):  # a chain that only corners connect, downwards
        labels[8 + step, 3 + step, 6 - step] = 3
    return labels


def frayed() -> np.ndarray:
    """Two parts of a structure whose border wavers, on the axis of the body that they are divided along."""
    border = RANDOM.integers(4, 12, (16, 16))
    below = np.arange(16)[None, :, None] < border[:, None, :]
    labels = np.where(below, 2, 1)
    labels[:3] = 0
    return labels


def product(classes: int, together: int) -> Any:
    """The network of run_pipeline.mjs."""

    def network(x: torch.Tensor) -> torch.Tensor:
        channels = x.shape[1]
        rows = [
            torch.stack([x[:, (label + slice_) % channels] * (label + 1) for slice_ in range(together)], 1)
            for label in range(classes)
        ]
        scores = torch.stack(rows, 1)
        return scores if together > 1 else scores[:, :, 0]

    return network


def in_python(case: Case) -> tuple[MetaTensor, np.ndarray | None]:
    """The case as the transforms, the inferer and the postprocessing of this package have it."""
    meta = {"original_affine": case.affine, "spatial_shape": np.asarray(case.image.shape[1:])}
    item: Any = {"image": MetaTensor(torch.from_numpy(case.image.copy()), torch.from_numpy(case.affine), meta)}
    for transform, _ in case.steps:
        item = transform(item)
    if case.inference is None:
        return item["image"], None
    arguments = {name: value for name, value in case.inference.items() if name != "planes"}
    inferer = ContextSliceInferer(spatial_dim=case.inference["planes"], argmax=True, **arguments)
    item["pred"] = inferer(item["image"][None], product(case.classes, case.inference["out_slices"]))[0]
    for transform, _ in case.after:
        item = transform(item)
    return item["image"], item["pred"][0].numpy()


@pytest.mark.parametrize("kind", [geometry_cases, intensity_cases, inference_cases], ids=lambda kind: kind.__name__)
def test_pipeline(kind: Any, tmp_path: Path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node found, which only tests and renewals of the pages need")
    cases = kind()
    (tmp_path / "cases.json").write_text(json.dumps([case.as_json() for case in cases]))
    for number, case in enumerate(cases):
        content = np.stack([channel.ravel(order="F") for channel in case.image])
        (tmp_path / f"{number}.image").write_bytes(content.astype("<f4").tobytes())
    done = subprocess.run([node, RUNNER, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    for number, (case, result) in enumerate(zip(cases, results, strict=True)):
        image, mask = in_python(case)
        assert result["shape"] == list(image.shape[1:]), number
        np.testing.assert_allclose(result["affine"], image.affine, rtol=0, atol=1e-9, err_msg=str(number))
        seen = np.fromfile(tmp_path / f"{number}.seen", "<f4").reshape(len(image), -1)
        wanted = np.stack([channel.numpy().ravel(order="F") for channel in image.as_tensor()])
        np.testing.assert_allclose(seen, wanted, rtol=2e-6, atol=2e-6 * np.abs(wanted).max(), err_msg=str(number))
        if mask is not None:
            assert len(np.unique(mask)) > 1, number
            found = np.fromfile(tmp_path / f"{number}.mask", np.uint8).reshape(mask.shape, order="F")
            assert (found != mask).mean() <= 1e-5, f"case {number}: {(found != mask).sum()} voxels differ"
