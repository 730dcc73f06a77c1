"""What a description of a data set says of its labels: which numbers are classes, and what was annotated where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mobileunet.data.datasets.regions import (
    NO_REGIONS,
    Regions,
    classes_of_regions,
    foreground_labels,
    foreground_numbers,
    indistinct_classes,
    region_problems,
    unions,
)
from monai_mobileunet.data.errors import DataError, Finding, listed, warning

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
    "indistinct_problems",
]

IGNORE = "ignore"
"""What nnU-Net calls the value of voxels that nobody annotated."""

LABELLED = "labelled"
"""Key of a case for the classes that were annotated in it."""


def numbered_labels(labels: Any) -> dict[int, str]:
    """Names by their numbers, of ``{"1": "liver"}``, of ``{"liver": 1}`` and of ``{"liver": [1]}``."""
    found: dict[int, str] = {}
    for key, written in (labels if isinstance(labels, dict) else {}).items():
        value = written[0] if isinstance(written, list) and len(written) == 1 else written
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
    highest = max(foreground_numbers(named, IGNORE), default=0)
    for name, value in named.items():
        if IGNORE in (str(name).lower(), str(value).lower()):
            number = str(value if str(name).lower() == IGNORE else name)
            if not number.isdecimal() or int(number) <= highest:
                problem = f"the label {IGNORE!r} is {number}; expected a number above those of all classes."
                remedy = f"Give voxels that nobody annotated the highest number, as {highest + 1}."
                findings.append(Finding(str(index), problem, remedy))
    if findings:
        raise DataError(findings)


def indistinct_problems(index: Path, description: Mapping[str, Any], class_names: Sequence[str]) -> Iterator[Finding]:
    """Warnings of classes that no region tells apart, so that a number alone tells their names apart.

    Args:
        index: the ``dataset.json``.
        description: its content, which is sound.
        class_names: from class 1 on; where the user gave others than the description does, there is nothing to warn of.
    """
    regions = region_labels(description.get("labels"))
    names = classes_of_regions(regions)
    for together in indistinct_classes(regions) if tuple(names.values()) == tuple(class_names) else ():
        called = listed([repr(names[number]) for number in together])
        problem = f"no region tells the classes {listed(list(map(str, together)))} apart; they are called {called}."
        remedy = "Add a label to 'labels' for one of them, or make them one: mobileunet check --write with --map"
        pairs = ",".join(f"{number}={together[0]}" for number in together[1:])
        yield warning(index, problem, f"{remedy} {pairs}.")


def labelled_problems(
    entry: Mapping[str, Any],
    name: str,
    index: str,
    classes: Mapping[int, str],
    regions: Regions = NO_REGIONS,
) -> Iterator[Finding]:
    """What is wrong with the annotated classes that an entry of a list names, if it names some.

    Args:
        entry: of the list.
        name: of the entry, in words.
        index: the list.
        classes: names of the classes by their numbers.
        regions: the name of one stands for all of its classes.
    """
    labelled, known = entry.get(LABELLED, list(classes)), {*classes, *classes.values(), *regions}
    if LABELLED in entry and not (isinstance(labelled, list) and labelled):
        remedy = f'Write {{{shown(LABELLED)}: ["liver"]}} with the classes that were annotated in the case.'
        yield Finding(index, f"{LABELLED!r} of {name} is {shown(entry[LABELLED])}; expected a list.", remedy)
    elif unknown := [one for one in labelled if isinstance(one, (dict, list, bool)) or one not in known]:
        named = ", ".join(f"{number} {label}" for number, label in sorted(classes.items())) or "none"
        named += f", the regions {', '.join(unions(regions))}" if unions(regions) else ""
        remedy = "Write their names or numbers as in 'labels'."
        yield Finding(index, f"{LABELLED!r} of {name} has {shown(unknown[0])}; the classes are {named}.", remedy)


def labelled_classes(
    entry: Mapping[str, Any], classes: Mapping[int, str], regions: Regions = NO_REGIONS
) -> dict[str, list[int]]:
    """The numbers of the classes that were annotated in a case, those of regions among them; nothing where all were."""
    written = entry.get(LABELLED, list(classes))
    within = {number for name, numbers in regions.items() if name in written for number in numbers}
    known = {number for number, name in classes.items() if number in written or name in written}
    numbers = sorted(known | within)
    return {} if len(numbers) == len(classes) else {LABELLED: numbers}


def shown(value: Any) -> str:
    """A value of JSON for a sentence, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
