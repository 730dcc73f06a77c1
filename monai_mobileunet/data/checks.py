"""Open every file of a training set before the first epoch and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from rich.progress import track

from monai_mobileunet.data.cases import Case
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.reading import read_file, read_label
from monai_mobileunet.data.volume import AFFINE_TOLERANCE, Volume

__all__ = ["check_case", "check_cases", "check_classes"]


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
    """Check that both files can be read, lie on the same grid, and hold finite intensities and known classes.

    Returns:
        What is wrong, and with ``warning`` set what is only odd.
    """
    try:
        image, label = read_file(case["image"]), read_label(case["label"])
    except DataError as error:
        return list(error.findings)
    return [
        *_grids(image, label),
        *_intensities(image),
        *check_classes(label, num_classes),
        *image.warnings,
        *label.warnings,
    ]


def _grids(image: Volume, label: Volume) -> Iterator[Finding]:
    if image.shape != label.shape:
        yield Finding(
            label.name,
            f"has shape {label.shape}, but its image {image.shape}.",
            "Resample the label to the image's grid.",
        )
    elif not np.allclose(image.affine, label.affine, atol=AFFINE_TOLERANCE):
        difference = float(np.abs(image.affine - label.affine).max())
        yield Finding(
            label.name,
            f"lies elsewhere than its image (affines differ by up to {difference:.3g}).",
            "Resample the label to the image's grid, or copy the image's header if only the header is wrong.",
        )


def _intensities(image: Volume) -> Iterator[Finding]:
    bad = image.values.size - int(np.isfinite(image.values).sum())
    if bad:
        yield Finding(image.name, f"has {bad} voxels that are NaN or infinite.", "Replace them by finite values.")


def check_classes(label: Volume, num_classes: int) -> Iterator[Finding]:
    """Whether a label holds nothing but class numbers."""
    values = np.unique(label.values).tolist()
    unknown = [value for value in values if value not in range(num_classes)]
    if unknown:
        yield Finding(
            label.name,
            f"has label values {', '.join(f'{value:g}' for value in unknown[:8])}; expected 0 to {num_classes - 1}.",
            "Mend the label, or set the number of classes in the bundle.",
        )
