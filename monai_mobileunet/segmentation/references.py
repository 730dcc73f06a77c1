"""Masks against references, where a run is given some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.formats import case_name, image_suffix
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import AFFINE_TOLERANCE
from monai_mobileunet.segmentation.plan import PlannedCase
from monai_mobileunet.segmentation.segmenter import Segmentation

__all__ = ["find_references", "measure_against"]


def find_references(folder: Path, cases: Sequence[PlannedCase]) -> dict[str, Path]:
    """The reference of each case that has one: of the same path and name in the folder, or else of the same name.

    Raises:
        DataError: no such folder, a name that two references have where it is the name that counts, or none at all.
    """
    import monai_mobileunet.evaluation  # noqa: F401  what is not installed is found before the first case

    if not folder.is_dir():
        raise DataError([Finding(str(folder), "no such folder.", "Name the folder of the references.")])
    by_place: dict[str, Path] = {}
    by_name: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and image_suffix(path) and not path.name.startswith("."):
            place = path.relative_to(folder).as_posix()
            by_place[place[: -len(image_suffix(path))]] = path
            by_name.setdefault(case_name(path), []).append(path)
    found = {}
    for case in cases:
        named = by_name.get(Path(case.name).name, [])
        if case.name in by_place:
            found[case.name] = by_place[case.name]
        elif len(named) > 1:
            problem = f"has the same name as {named[1]}."
            raise DataError([Finding(str(named[0]), problem, f"Place one where {case.name} lies.")])
        elif named:
            found[case.name] = named[0]
    if not found:
        problem = f"has no reference for any case, such as {cases[0].name if cases else 'none'}."
        raise DataError([Finding(str(folder), problem, "References have the names of the images.")])
    return found


def measure_against(path: Path, result: Segmentation) -> dict[str, dict[str, Any]]:
    """Dice, surface metrics and volumes of a mask, by class.

    Raises:
        DataError: the reference cannot be read, is not on the image's grid, or has values that are no classes.
    """
    from monai_mobileunet.evaluation import measure_case

    label = read_label(path)
    num_classes = len(result.class_names) + 1
    if label.shape != result.mask.shape or not np.allclose(label.affine, result.volume.affine, atol=AFFINE_TOLERANCE):
        found = f"shape {label.shape}" if label.shape != result.mask.shape else "another affine"
        problem = f"is a reference with {found}; expected the grid of {result.volume.name} {result.mask.shape}."
        raise DataError([Finding(str(path), problem, "Resample it to the image with nearest neighbours.")])
    unknown = [value for value in np.unique(label.values).tolist() if value not in range(num_classes)]
    if unknown:
        problem = f"has values {', '.join(f'{v:g}' for v in unknown[:8])}; expected 0 to {num_classes - 1}."
        raise DataError([Finding(str(path), problem, "Mend the reference.")])
    measured = measure_case(result.mask, label.values.astype(result.mask.dtype), num_classes, label.spacing)
    return {
        name: {**asdict(found), "outcome": found.outcome.value}
        for name, found in zip(result.class_names, measured, strict=True)
    }
