"""Open every file of a training set before the first epoch and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import LoadImage
from rich.progress import track

from monai_mobileunet.data.cases import Case
from monai_mobileunet.data.errors import Finding, root_cause

__all__ = ["check_case", "check_cases"]

AFFINE_TOLERANCE = 1e-2  # mm: labels saved by other tools carry rounded affines


def check_cases(cases: Sequence[Case], num_classes: int, num_workers: int = 4, progress: bool = True) -> list[Finding]:
    """Check all pairs, several at a time.

    Args:
        cases: pairs of image and label.
        num_classes: classes with the background; label values must be whole numbers below it.
        num_workers: threads that read.
        progress: show a progress bar.

    Returns:
        What is wrong, in the order of the cases; empty if nothing is.
    """
    with ThreadPoolExecutor(max_workers=max(1, num_workers)) as pool:
        results = pool.map(partial(check_case, num_classes=num_classes), cases)
        return [
            finding
            for findings in track(results, "checking the data", total=len(cases), disable=not progress)
            for finding in findings
        ]


def check_case(case: Case, num_classes: int) -> list[Finding]:
    """Check that both files can be read, lie on the same grid, and hold finite intensities and known classes."""
    loaded: dict[str, MetaTensor] = {}
    for key, path in case.items():
        try:
            loaded[key] = LoadImage(image_only=True, ensure_channel_first=True)(path)
        except Exception as error:  # whatever a reader raises for a broken file is the finding
            return [Finding(path, f"cannot be read ({root_cause(error)}).", "Replace it with an intact copy.")]
    return [
        *_geometry(case, loaded),
        *_intensities(case, loaded["image"]),
        *_classes(case, loaded["label"], num_classes),
    ]


def _geometry(case: Case, loaded: dict[str, MetaTensor]) -> Iterator[Finding]:
    image, label = loaded["image"], loaded["label"]
    for key, volume in loaded.items():
        if volume.ndim != 4 or 0 in volume.shape:
            yield Finding(case[key], f"has shape {tuple(volume.shape[1:])}; expected a 3D volume.", "Split or mend it.")
            return
    if label.shape[0] != 1:
        yield Finding(case["label"], f"has {label.shape[0]} channels; expected class numbers in one.", "Merge them.")
    elif image.shape[1:] != label.shape[1:]:
        yield Finding(
            case["label"],
            f"has shape {tuple(label.shape[1:])}, but its image {tuple(image.shape[1:])}.",
            "Resample the label to the image's grid.",
        )
    elif not np.allclose(image.affine, label.affine, atol=AFFINE_TOLERANCE):
        difference = float(np.abs(np.asarray(image.affine) - np.asarray(label.affine)).max())
        yield Finding(
            case["label"],
            f"lies elsewhere than its image (affines differ by up to {difference:.3g}).",
            "Resample the label to the image's grid, or copy the image's header if only the header is wrong.",
        )


def _intensities(case: Case, image: torch.Tensor) -> Iterator[Finding]:
    bad = int((~torch.isfinite(image)).sum())
    if bad:
        yield Finding(case["image"], f"has {bad} voxels that are NaN or infinite.", "Replace them by finite values.")


def _classes(case: Case, label: torch.Tensor, num_classes: int) -> Iterator[Finding]:
    values = torch.unique(label).tolist()
    unknown = [value for value in values if value not in range(num_classes)]
    if unknown:
        yield Finding(
            case["label"],
            f"has label values {', '.join(f'{value:g}' for value in unknown[:8])}; expected 0 to {num_classes - 1}.",
            "Mend the label, or set the number of classes in the bundle.",
        )
