"""Lists of cases as people write them: JSON of any editor, and the ``dataset.json`` of a data set."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from monai_mobileunet.data.datasets.labels import (
    class_labels,
    labelled_classes,
    labelled_problems,
    region_labels,
    shown,
)
from monai_mobileunet.data.datasets.regions import Regions
from monai_mobileunet.data.errors import DataError, Finding, refusal

__all__ = [
    "INDEX",
    "LIST",
    "Case",
    "home_of",
    "index_of",
    "list_cases",
    "read_description",
    "read_json",
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
    classes, regions = class_labels(description.get("labels")), region_labels(description.get("labels"))
    for number, entry in enumerate(entries, 1):
        problems = list(_problems(entry, f"entry {number} of {section!r}", index, classes, regions))
        findings += problems
        if not problems:
            pair = {key: _resolved(entry[key], index.parent) for key in ("image", "label")}
            pair |= {"fold": entry["fold"]} if "fold" in entry else {}
            cases.append(pair | labelled_classes(entry, classes, regions))
    if findings:
        raise DataError(findings)
    return cases


def _problems(entry: Any, name: str, listed: Path, classes: Mapping[int, str], regions: Regions) -> Iterator[Finding]:
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
    yield from labelled_problems(entry, name, index, classes, regions)


def _resolved(path: Any, root: Path) -> Any:
    """A path, or several, from the folder of the list on, as MONAI resolves them."""
    if isinstance(path, list):
        resolved = [_resolved(item, root) for item in path]
        return resolved[0] if len(resolved) == 1 else resolved
    return os.path.normpath(os.path.join(root, path))


def _kind(value: Any) -> str:
    return "null" if value is None else KINDS.get(type(value), type(value).__name__)
