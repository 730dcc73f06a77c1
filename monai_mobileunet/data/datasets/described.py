"""What a data set says of its classes, of voxels to ignore, and of its channels."""

from __future__ import annotations

import csv
from pathlib import Path

from monai_mobileunet.data.datasets.bids import find_tables
from monai_mobileunet.data.datasets.labels import (
    IGNORE,
    class_labels,
    numbered_labels,
    refuse_unknown_labels,
    region_labels,
)
from monai_mobileunet.data.datasets.listing import home_of, index_of, read_description
from monai_mobileunet.data.errors import refusal

__all__ = [
    "find_channel_names",
    "find_class_names",
    "find_ignored",
    "find_regions",
    "has_class_names",
    "mapped_folder",
    "numbered_names",
    "value_to_ignore",
]


def find_class_names(dataset_dir: str | Path) -> tuple[str, ...]:
    """Names of the classes from 1 on, from ``labels`` in a ``dataset.json``, or from the ``dseg.tsv`` of BIDS.

    The Decathlon writes ``{"1": "liver"}``, nnU-Net ``{"liver": 1}``; both are understood. Of nnU-Net's regions, as
    ``{"whole tumor": [1, 2]}``, they are the classes that these are made of.

    Raises:
        DataError: no such file, no names in it, or labels that are no classes; see :func:`refuse_unknown_labels`.
    """
    root = Path(dataset_dir)
    index = index_of(root)
    refuse_unknown_labels(index, read_description(root))
    names = numbered_names(root)
    numbers = list(names)
    if not names:
        problem = "names no classes 1, 2, … in 'labels'." if index.is_file() else "no such file."
        remedy = 'Name the classes one by one: in it as "labels": {"1": "liver"}, or with --class liver to mobileunet'
        raise refusal(index, problem, f"{remedy} plan, check and evaluate.")
    if numbers != list(range(1, len(names) + 1)):
        problem = f"numbers its classes {', '.join(map(str, numbers))}; expected 1, 2, … without a gap."
        pairs = ",".join(f"{number}={place}" for place, number in enumerate(numbers, 1))
        remedy = "Write a copy with other numbers, in the labels too, and train on it: mobileunet check"
        raise refusal(index, problem, f"{remedy} {dataset_dir} --map {pairs} --write {mapped_folder(root)}")
    return tuple(names.values())


def numbered_names(root: Path) -> dict[int, str]:
    """Names of a data set's classes by their numbers, in the order of these; none where nothing names them.

    Raises:
        DataError: as :func:`read_description`.
    """
    return class_labels(read_description(root).get("labels", _names_in_table(root)))


def mapped_folder(root: Path) -> Path:
    """Where a data set may go whose classes are numbered anew: beside the first."""
    home = home_of(root)
    return home.parent / f"{home.name}_mapped" if home.name else Path("..") / f"{home.resolve().name}_mapped"


def find_regions(dataset_dir: str | Path) -> dict[str, tuple[int, ...]]:
    """nnU-Net's regions in ``labels`` of a ``dataset.json``: numbers of the classes that each is made of, by its name.

    Returns:
        All labels of the foreground, in their order, where one of them is made of several classes; nothing elsewhere.

    Raises:
        DataError: as :func:`find_class_names`, but for names that lack.
    """
    description = read_description(Path(dataset_dir))
    refuse_unknown_labels(index_of(Path(dataset_dir)), description)
    return region_labels(description.get("labels"))


def find_ignored(dataset_dir: str | Path) -> int | None:
    """The value that ``labels`` in a ``dataset.json`` calls ``ignore``: voxels that nobody annotated, as in nnU-Net.

    Raises:
        DataError: as :func:`find_class_names`; the value is no number above those of the classes.
    """
    description = read_description(Path(dataset_dir))
    refuse_unknown_labels(index_of(Path(dataset_dir)), description)
    return next(
        (number for number, name in numbered_labels(description.get("labels")).items() if name.lower() == IGNORE), None
    )


def value_to_ignore(dataset_dir: str | Path, asked_for: int | None = None) -> int | None:
    """The value of voxels that nobody annotated: what was asked for, or else what the data set names.

    Raises:
        DataError: as :func:`find_ignored`; or both are there and differ, or it is the background's or a class's.
    """
    named = find_ignored(dataset_dir)
    if asked_for is None or asked_for == named:
        return named
    index = index_of(Path(dataset_dir))
    if named is not None:
        problem = f"the label {IGNORE!r} is {named}, and --ignore is {asked_for}."
        raise refusal(index, problem, "Leave out --ignore, or correct the file.")
    classes = numbered_names(Path(dataset_dir))
    if asked_for in (0, *classes):
        problem = f"calls {asked_for} {classes.get(asked_for, 'background')!r}, and --ignore is {asked_for}."
        raise refusal(index, problem, "Give --ignore the value of the voxels that nobody annotated.")
    return asked_for


def has_class_names(dataset_dir: str | Path) -> bool:
    """Whether anything in a data set is to name its classes, rightly or not; see :func:`find_class_names`.

    ``{"0": "background"}`` alone names none.

    Raises:
        DataError: as :func:`read_description`.
    """
    root = Path(dataset_dir)
    labels = read_description(root).get("labels") or _names_in_table(root)
    if isinstance(labels, dict):
        return any("0" not in (str(key), str(value)) for key, value in labels.items())
    return bool(labels)


def _names_in_table(root: Path) -> dict[str, str]:
    """Names of classes by their numbers, in the one ``*dseg.tsv`` among derivatives of BIDS; none of several.

    Its columns are ``index`` and ``name``.
    """
    tables = find_tables(root)
    if len(tables) != 1:
        return {}
    rows = csv.DictReader(tables[0].read_text("utf-8-sig").splitlines(), delimiter="\t")
    return {row["index"]: row["name"] for row in rows if row.get("index") and row.get("name")}


def find_channel_names(dataset_dir: str | Path) -> tuple[str, ...]:
    """What the channels of a data set's images are called; none where nothing tells.

    The Decathlon writes ``"modality": {"0": "CT"}``, nnU-Net ``"channel_names"``; Auto3DSeg's ``"modality"`` is a text.

    Raises:
        DataError: as :func:`read_description`.
    """
    description = read_description(Path(dataset_dir))
    named = description.get("channel_names", description.get("modality"))
    if isinstance(named, dict) and all(str(key).isdecimal() for key in named):
        return tuple(str(named[key]) for key in sorted(named, key=int))
    return tuple(map(str, named)) if isinstance(named, list) else (named,) if isinstance(named, str) else ()
