"""Masks against references, where a run is given some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.names import case_name, image_suffix, is_label_name, split_channel
from monai_mobileunet.segmentation.plan import PlannedCase

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
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and image_suffix(path) and not hidden:
            place = path.relative_to(folder).as_posix()
            by_place[place[: -len(image_suffix(path))]] = path
            by_name.setdefault(case_name(path), []).append(path)
    found = {case.name: by_place[case.name] for case in cases if case.name in by_place}
    placed, taken = set(found.values()), dict[Path, str]()
    for case in cases:
        base = Path(case.name).name
        known = by_name.get(base) or by_name.get(split_channel(base)[0]) or _beside(case, by_place, cases)
        named = [path for path in known if path not in placed]
        if case.name in found or not named:
            continue
        if len(named) > 1:
            problem = f"has the same name as {named[1]}."
            raise DataError([Finding(str(named[0]), problem, f"Place one where {case.name} lies.")])
        other = taken.setdefault(named[0], case.name)
        if other != case.name:
            problem = f"would be the reference of {other} and of {case.name}."
            raise DataError([Finding(str(named[0]), problem, "Place references as the images lie.")])
        found[case.name] = named[0]
    if not found:
        problem = f"has no reference for any case, such as {cases[0].name if cases else 'none'}."
        raise DataError([Finding(str(folder), problem, "References have the names of the images.")])
    return found


def _beside(case: PlannedCase, by_place: Mapping[str, Path], cases: Sequence[PlannedCase]) -> list[Path]:
    """References of a folder for each patient: alone in the folder of a case that is alone in it too."""
    folder = case.name.rpartition("/")[0]
    alone = sum(other.name.rpartition("/")[0] == folder for other in cases) == 1
    images = {path.resolve() for path in case.images}
    there = [path for place, path in by_place.items() if place.rpartition("/")[0] == folder]
    there = [path for path in there if path.resolve() not in images]
    named = [path for path in there if is_label_name(case_name(path))] or there
    return named if folder and alone and len(named) == 1 else []


def measure_against(path: Path, masks: Sequence[Path], class_names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Dice, surface metrics and volumes of a mask, by class.

    Args:
        path: the reference.
        masks: file of the mask; or one for each class.
        class_names: of the classes from 1 on.

    Raises:
        DataError: a file cannot be read, the reference is not on the mask's grid, or has values that are no classes.
    """
    from monai_mobileunet.evaluation import measure_files

    measured = measure_files(path, masks, len(class_names) + 1)
    return {
        name: {**asdict(result), "outcome": result.outcome.value}
        for name, result in zip(class_names, measured, strict=True)
    }
