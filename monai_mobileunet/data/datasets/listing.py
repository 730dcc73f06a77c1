"""Lists of cases as people write them: JSON of any editor, and the ``dataset.json`` of a data set."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from monai_mobileunet.data.datasets.labels import (
    IGNORE,
    class_labels,
    labelled_classes,
    labelled_problems,
    numbered_labels,
    refuse_unknown_labels,
    shown,
)
from monai_mobileunet.data.errors import DataError, Finding, refusal

__all__ = [
    "INDEX",
    "LIST",
    "Case",
    "find_channel_names",
    "find_class_names",
    "find_ignored",
    "has_class_names",
    "home_of",
    "index_of",
    "list_cases",
    "mapped_folder",
    "numbered_names",
    "read_description",
    "read_json",
    "value_to_ignore",
]

INDEX, LIST = "dataset.json", "list.json"

Case: TypeAlias = dict[str, Any]
"""``{"image": path, "label": path}``, as MONAI's datasets and MONAI Label take it. The image is a list of paths where
each channel lies in a file of its own; a ``"name"`` is there where that of the image is not enough, see
:func:`monai_mobileunet.data.datasets.naming.name_of`, a ``"fold"`` where a list deals them, and ``"labelled"``, the
numbers of the classes that were annotated, where not all were."""

PAIR = 'Write {"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}.'
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def read_json(path: Path, fallback: str | None = None) -> Any:
    """Content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        path: the file.
        fallback: encoding of a file in none of these, for those who can do with texts that are guessed.

    Raises:
        DataError: it cannot be read, has another encoding, is not JSON, or names one thing twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:  # the JSON module would keep the last one and say nothing
                raise refusal(path, f"names {key!r} twice in one object.", "Remove or rename one.")
            content[key] = value
        return content

    try:
        content = path.read_bytes()
        if not content.strip():
            raise refusal(path, "is empty.", "Restore it, or remove it.")
        try:
            return json.loads(content, object_pairs_hook=once)
        except UnicodeDecodeError:
            if fallback is None:
                raise
            return json.loads(content.decode(fallback), object_pairs_hook=once)
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror}).", "Restore it, or make it readable.") from error
    except UnicodeDecodeError as error:
        problem = f"is not {error.encoding.upper()} text (byte {error.object[error.start]:#04x} at {error.start})."
        remedy = f"Save it as UTF-8, or type: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.json"
        raise refusal(path, problem, remedy) from error
    except json.JSONDecodeError as error:
        remedy = f"Fix the JSON syntax in line {error.lineno}, column {error.colno}."
        raise refusal(path, f"is not valid JSON ({error.msg}).", remedy) from error
    except RecursionError as error:
        raise refusal(path, "is not valid JSON (nested too deep).", "Write a flat list.") from error


def index_of(dataset: Path) -> Path:
    """The file that describes a data set: itself where it is a list, or else one in its folder, which need not exist.

    A ``list.json`` in a folder is one of pairs only where it has the list ``training``: it may be one of images to
    segment.

    Raises:
        DataError: a ``list.json`` cannot be read.
    """
    if dataset.suffix.lower() == ".json" and dataset.is_file():
        return dataset
    if (dataset / INDEX).is_file() or not (dataset / LIST).is_file():
        return dataset / INDEX
    content = read_json(dataset / LIST, fallback="latin-1")
    return dataset / (LIST if isinstance(content, dict) and "training" in content else INDEX)


def home_of(dataset: Path) -> Path:
    """The folder of a data set that may be given as its list."""
    return dataset.parent if dataset.is_file() else dataset


def read_description(root: Path) -> dict[str, Any]:
    """Content of a data set's ``dataset.json`` or ``list.json``; empty where there is none.

    A list that is given as the data set may hold the pairs themselves, in place of an object with ``training``; a list
    of images alone describes no data set.

    Raises:
        DataError: as :func:`read_json`, or it holds something else than an object.
    """
    index = index_of(root)
    if not index.is_file():
        return {}
    content = read_json(index)
    if isinstance(content, list) and index == root:
        return {"training": content} if any(isinstance(entry, dict) and "label" in entry for entry in content) else {}
    if not isinstance(content, dict):
        problem = f"holds {_kind(content)}; expected an object with the list 'training'."
        raise refusal(index, problem, 'Write {"training": [{"image": …, "label": …}, …]}.')
    return content


def list_cases(root: Path, description: dict[str, Any], section: str) -> list[Case]:
    """The pairs in a list of a ``dataset.json``, in its order, with paths that exist.

    Args:
        root: the data set; paths are relative to the folder of its list.
        description: content of the file.
        section: name of the list.

    Raises:
        DataError: no list, an empty one, or entries that are no pairs of files; each is named.
    """
    index, entries = index_of(root), description[section]
    if not isinstance(entries, list):
        problem = f"{section!r} is {_kind(entries)}; expected a list of pairs of 'image' and 'label'."
        raise refusal(index, problem, f"{PAIR[:-1]} for each case in a list.")
    if not entries:
        remedy = "List pairs of 'image' and 'label' there, or remove the list."
        raise refusal(index, f"its list {section!r} is empty.", remedy)
    findings, cases = [], []
    classes = class_labels(description.get("labels"))
    for number, entry in enumerate(entries, 1):
        problems = list(_problems(entry, f"entry {number} of {section!r}", index, classes))
        findings += problems
        if not problems:
            pair = {key: _resolved(entry[key], index.parent) for key in ("image", "label")}
            pair |= {"fold": entry["fold"]} if "fold" in entry else {}
            cases.append(pair | labelled_classes(entry, classes))
    if findings:
        raise DataError(findings)
    return cases


def _problems(entry: Any, name: str, listed: Path, classes: Mapping[int, str]) -> Iterator[Finding]:
    """What is wrong with an entry of a list."""
    index, root = str(listed), listed.parent
    if not isinstance(entry, dict):
        yield Finding(index, f"{name} is {_kind(entry)}, {shown(entry)}; expected a pair.", PAIR)
        return
    for key in ("image", "label"):
        if key not in entry:
            yield Finding(index, f"{name} has no {key!r}: {shown(entry)}.", PAIR)
            continue
        value = entry[key]
        paths = value if key == "image" and isinstance(value, list) and value else [value]
        if not all(isinstance(path, str) and path for path in paths):
            remedy = PAIR if key == "image" else "Give one file of class numbers; merge several into one."
            yield Finding(index, f"{key!r} of {name} is {_kind(value)}, {shown(value)}; expected a path.", remedy)
            continue
        for path in paths:
            place = _resolved(path, root)
            if not os.path.exists(place):
                remedy = "Write / for \\ in paths." if "\\" in path else "Restore it, or remove it from the list."
                yield Finding(str(place), f"listed in {listed.name}, but missing.", remedy)
    if entry.get("image") == entry.get("label") and isinstance(entry.get("image"), str):
        yield Finding(index, f"{name} has one file as its image and its label: {shown(entry)}.", PAIR)
    if "fold" in entry and (not isinstance(entry["fold"], int) or isinstance(entry["fold"], bool)):
        remedy = 'Number the folds 0, 1, 2, …, or remove "fold" from all entries.'
        yield Finding(index, f"'fold' of {name} is {_kind(entry['fold'])}, {shown(entry['fold'])}.", remedy)
    yield from labelled_problems(entry, name, index, classes)


def _resolved(path: Any, root: Path) -> Any:
    """A path, or several, from the folder of the list on, as MONAI resolves them."""
    if isinstance(path, list):
        resolved = [_resolved(item, root) for item in path]
        return resolved[0] if len(resolved) == 1 else resolved
    return os.path.normpath(os.path.join(root, path))


def find_class_names(dataset_dir: str | Path) -> tuple[str, ...]:
    """Names of the classes from 1 on, from ``labels`` in a ``dataset.json``, or from the ``dseg.tsv`` of BIDS.

    The Decathlon writes ``{"1": "liver"}``, nnU-Net ``{"liver": 1}``; both are understood.

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
        remedy = 'Name the classes one by one: in it as "labels": {"1": "liver"}, or to mobileunet plan and evaluate'
        raise refusal(
            index,
            problem,
            f"{remedy} with --class liver, to mobileunet check as --num-classes 2.",
        )
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
    tables = sorted(root.glob("derivatives/*/*dseg.tsv"))
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


def _kind(value: Any) -> str:
    return "null" if value is None else KINDS.get(type(value), type(value).__name__)
