"""What a description of a data set says of its labels: which numbers are classes, and what was annotated where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai_mobileunet.data.datasets.regions import classes_of_regions, foreground_labels, region_problems, unions
from monai_mobileunet.data.errors import DataError, Finding

__all__ = [
    "IGNORE",
    "LABELLED",
    "class_labels",
    "labelled_classes",
    "labelled_problems",
    "numbered_labels",
    "refuse_unknown_labels",
    "region_labels",
    "shown",
]

IGNORE = "ignore"
"""What nnU-Net calls the value of voxels that nobody annotated."""

LABELLED = "labelled"
"""Key of a case for the classes that were annotated in it."""


def numbered_labels(labels: Any) -> dict[int, str]:
    """Names by their numbers, of ``{"1": "liver"}``, of ``{"liver": 1}`` and of ``{"liver": [1]}``."""
    found: dict[int, str] = {}
    for key, listed in (labels if isinstance(labels, dict) else {}).items():
        value = listed[0] if isinstance(listed, list) and len(listed) == 1 else listed
        number, name = (key, value) if str(key).isdecimal() else (value, key)
        if str(number).isdecimal() and not isinstance(number, bool):
            found[int(number)] = str(name)
    return found


def class_labels(labels: Any) -> dict[int, str]:
    """Names of classes by their numbers, in the order of these, without the background and voxels to ignore.

    Where labels are regions, these are the disjoint classes that the regions are made of.
    """
    if regions := region_labels(labels):
        return classes_of_regions(regions)
    named = sorted(numbered_labels(labels).items())
    return {number: name for number, name in named if number > 0 and name.lower() != IGNORE}


def region_labels(labels: Any) -> dict[str, tuple[int, ...]]:
    """Numbers of the foreground's labels by name, where some are regions of several classes; nothing elsewhere."""
    found = foreground_labels(labels, IGNORE) if isinstance(labels, dict) else {}
    return found if unions(found) else {}


def refuse_unknown_labels(index: Path, description: dict[str, Any]) -> None:
    """Refuse labels that this package cannot train on: regions that are none, and a class among the ignored.

    Args:
        index: the ``dataset.json``.
        description: its content.

    Raises:
        DataError: ``labels`` has them; each is named.
    """
    labels = description.get("labels")
    named = labels if isinstance(labels, dict) else {}
    findings = list(region_problems(index, description, IGNORE))
    highest = max((number for numbers in foreground_labels(named, IGNORE).values() for number in numbers), default=0)
    for name, value in named.items():
        if IGNORE in (str(name).lower(), str(value).lower()):
            number = str(value if str(name).lower() == IGNORE else name)
            if not number.isdecimal() or int(number) <= highest:
                problem = f"the label {IGNORE!r} is {number}; expected a number above those of all classes."
                remedy = f"Give voxels that nobody annotated the highest number, as {highest + 1}."
                findings.append(Finding(str(index), problem, remedy))
    if findings:
        raise DataError(findings)


def labelled_problems(entry: Mapping[str, Any], name: str, index: str, classes: Mapping[int, str]) -> Iterator[Finding]:
    """What is wrong with the annotated classes that an entry of a list names, if it names some.

    Args:
        entry: of the list.
        name: of the entry, in words.
        index: the list.
        classes: names of the classes by their numbers.
    """
    labelled, known = entry.get(LABELLED, list(classes)), {*classes, *classes.values()}
    if LABELLED in entry and not (isinstance(labelled, list) and labelled):
        remedy = f'Write {{{shown(LABELLED)}: ["liver"]}} with the classes that were annotated in the case.'
        yield Finding(index, f"{LABELLED!r} of {name} is {shown(entry[LABELLED])}; expected a list.", remedy)
    elif unknown := [one for one in labelled if isinstance(one, (dict, list, bool)) or one not in known]:
        named = ", ".join(f"{number} {label}" for number, label in sorted(classes.items())) or "none"
        remedy = "Write their names or numbers as in 'labels'."
        yield Finding(index, f"{LABELLED!r} of {name} has {shown(unknown[0])}; the classes are {named}.", remedy)


def labelled_classes(entry: Mapping[str, Any], classes: Mapping[int, str]) -> dict[str, list[int]]:
    """The numbers of the classes that were annotated in a case; nothing where all were."""
    listed = entry.get(LABELLED, list(classes))
    numbers = sorted(number for number, name in classes.items() if number in listed or name in listed)
    return {} if len(numbers) == len(classes) else {LABELLED: numbers}


def shown(value: Any) -> str:
    """A value of JSON for a sentence, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
