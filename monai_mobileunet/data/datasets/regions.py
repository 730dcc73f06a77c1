"""nnU-Net's regions: labels that are unions of the disjoint numbers in the files, and the classes that follow."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from monai_mobileunet.data.errors import Finding, listed, refusal

__all__ = [
    "NO_REGIONS",
    "ORDER",
    "WITHOUT",
    "Regions",
    "classes_of_regions",
    "foreground_labels",
    "foreground_numbers",
    "refuse_shared_names",
    "region_problems",
    "unions",
    "indistinct_classes",
]

ORDER = "regions_class_order"
"""What nnU-Net calls the numbers that regions are painted with, one over the other, to give a label."""

WITHOUT = " without "
"""Stands in the name of a class between the region around it and what of that it is not."""

Regions = Mapping[str, Sequence[int]]
"""Numbers in the files by the name of what they are together."""

NO_REGIONS: Regions = MappingProxyType({})
"""Of a data set whose labels are classes."""


def foreground_labels(labels: Mapping[str, Any], ignore: str) -> dict[str, tuple[int, ...]]:
    """Numbers of all labels but the background and voxels to ignore, by name, in the order of the description.

    Args:
        labels: sound ones of a description, ``{"1": "liver"}``, ``{"liver": 1}`` or ``{"liver": [1, 2]}``.
        ignore: name of voxels that nobody annotated.
    """
    found: dict[str, tuple[int, ...]] = {}
    for key, value in labels.items():
        name, numbers = _named(key, value)
        if numbers and numbers != (0,) and name.lower() != ignore:
            found[name] = tuple(sorted(numbers))
    return found


def foreground_numbers(labels: Mapping[str, Any], ignore: str) -> set[int]:
    """Numbers of all labels but the background and voxels to ignore; several labels may have one name."""
    named = [_named(key, value) for key, value in labels.items()]
    return {number for name, numbers in named if name.lower() != ignore for number in numbers if number}


def _named(key: str, value: Any) -> tuple[str, tuple[int, ...]]:
    """A label's name and its numbers; none of what is no label."""
    if isinstance(value, list):
        return str(key), tuple(value) if all(type(one) is int for one in value) else ()
    number, name = (key, value) if str(key).isdecimal() else (value, key)
    known = str(number).isdecimal() and not isinstance(number, bool)
    return str(name), (int(number),) if known else ()


def unions(regions: Regions) -> dict[str, tuple[int, ...]]:
    """The regions of more than one class; the others are classes of the same name."""
    return {name: tuple(numbers) for name, numbers in regions.items() if len(numbers) > 1}


def classes_of_regions(regions: Regions) -> dict[int, str]:
    """Names of the disjoint classes that regions are unions of, by their numbers.

    A class that is a region of its own has the name of that; another one is named after the smallest region around it
    and what of that it is not, as ``"whole tumor without tumor core"``. No two names are the same.

    Args:
        regions: sound ones.
    """
    own = {numbers[0]: name for name, numbers in regions.items() if len(numbers) == 1}
    every = sorted({number for numbers in regions.values() for number in numbers})
    named = {number: own.get(number) or _derived_name(number, regions) for number in every}
    counts = Counter([*regions, *(name for number, name in named.items() if number not in own)])
    for number, name in named.items():
        while number not in own and counts[name] > 1:
            name = f"{name} ({number})"
            counts[name] += 1
        named[number] = name
    return named


def _derived_name(number: int, regions: Regions) -> str:
    """The regions that are closest around a number, without the largest others that share voxels with all of these."""
    around = {name: set(numbers) for name, numbers in regions.items() if number in numbers}
    closest = [name for name, one in around.items() if not any(other < one for other in around.values())]
    shared = set.intersection(*(around[name] for name in closest))
    beside = {name: shared.intersection(numbers) for name, numbers in regions.items() if number not in numbers}
    parts = {frozenset(one): name for name, one in beside.items() if one}
    largest = [name for one, name in parts.items() if not any(one < other for other in parts)]
    place = closest[0] if len({frozenset(around[name]) for name in closest}) == 1 else f"overlap of {listed(closest)}"
    return f"{place}{WITHOUT}{listed(largest)}" if largest else place


def indistinct_classes(regions: Regions) -> list[list[int]]:
    """Numbers that no region tells apart: those that are in the same regions, together."""
    sharing: dict[tuple[str, ...], list[int]] = {}
    for number in sorted({number for numbers in regions.values() for number in numbers}):
        sharing.setdefault(tuple(name for name, one in regions.items() if number in one), []).append(number)
    return [together for together in sharing.values() if len(together) > 1]


def refuse_shared_names(place: str, regions: Regions, class_names: Sequence[str], remedy: str) -> None:
    """Refuse a class that has the name of a region that it is not: their figures would go under one name.

    Args:
        place: where the names of the classes come from.
        regions: sound ones.
        class_names: from class 1 on.
        remedy: what to type.

    Raises:
        DataError: there is one.
    """
    for name, numbers in regions.items():
        if name in class_names and list(numbers) != [list(class_names).index(name) + 1]:
            classes = f"class{'es' if len(numbers) > 1 else ''} {listed(list(map(str, numbers)))}"
            raise refusal(place, f"the class {name!r} has the name of the region of the {classes}.", remedy)


def region_problems(index: Path, description: Mapping[str, Any], ignore: str) -> Iterator[Finding]:
    """What is wrong with the regions of a description, if it has some.

    Args:
        index: the file.
        description: its content.
        ignore: name of voxels that nobody annotated.
    """
    labels = description.get("labels")
    if not isinstance(labels, dict) or not any(_is_list(*pair) for pair in labels.items()):
        return
    problems = [
        (problem, remedy)
        for key, value in labels.items()
        if ignore not in (str(key).lower(), str(value).lower())
        for problem, remedy in _label_problems(key, value)
    ]
    problems = problems or list(_name_problems(labels, ignore))
    regions = {} if problems else foreground_labels(labels, ignore)
    if unions(regions) and ORDER in description:
        problems += _order_problems(regions, description[ORDER])
    for problem, remedy in problems:
        yield Finding(str(index), problem, remedy)


def _is_list(key: str, value: Any) -> bool:
    """Whether a label is a list of numbers, or a text that looks like one; ``{"1": "[name]"}`` is a name."""
    return isinstance(value, list) or (
        isinstance(value, str) and not key.isdecimal() and value.strip().startswith(("[", "("))
    )


def _label_problems(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with one label alone, and the remedy."""
    if not (name := _named(key, value)[0]).strip():
        yield f"a label has the name {name!r}; expected a word.", "Give it a name."
        return
    if not isinstance(value, list):
        if isinstance(value, float) and value.is_integer():
            yield f"the label {key!r} is {value}; expected a number without a decimal point.", f"Write {value:.0f}."
        elif not _named(key, value)[1]:
            found = f"the label {key!r} is {json.dumps(value)}; expected a number, or a list of numbers."
            remedy = "Write the number that it has in the files, or the numbers of all classes that it is made of, as"
            yield found, f"{remedy} [1, 2] without quotation marks."
        return
    odd = [one for one in value if type(one) is not int or one < 0]
    if not value:
        yield f"the label {key!r} is an empty list.", "Write the numbers of the classes that it is made of."
    elif odd and all(type(one) in (int, float, str) and re.fullmatch(r"\d+(\.0*)?", str(one)) for one in value):
        point = "a decimal point" if isinstance(odd[0], float) else "quotation marks"
        problem = f"the label {key!r} has {json.dumps(odd[0])} in its list; expected numbers without {point}."
        yield problem, f"Write {[int(float(one)) for one in value]}."
    elif odd:
        problem = f"the label {key!r} has {json.dumps(odd[0])} in its list; expected whole numbers above 0."
        yield problem, "Correct its list."
    elif 0 in value and len(value) > 1:
        problem = f"the label {key!r} has the background, 0, among its classes {value}."
        yield problem, "Remove 0 from its list: a region is made of classes above 0."
    elif len(set(value)) < len(value):
        yield f"the label {key!r} names a class twice: {value}.", "Name each class of a region once."


def _name_problems(labels: Mapping[str, Any], ignore: str) -> Iterator[tuple[str, str]]:
    """Names of several labels, and classes of several names."""
    entries = [(name, numbers) for name, numbers in (_named(*pair) for pair in labels.items()) if numbers != (0,)]
    for name, count in Counter(name for name, _ in entries).items():
        if count > 1:
            yield f"{count} labels are called {name!r}.", "Give each its own name."
    singles: dict[int, list[str]] = {}
    for name, numbers in entries:
        if len(numbers) == 1 and name.lower() != ignore:
            singles.setdefault(numbers[0], []).append(name)
    for number, names in singles.items():
        if len(names) > 1:
            yield f"the class {number} is called {listed(sorted(map(repr, names)))}.", "Leave it one name."


def _order_problems(regions: Regions, order: Any) -> Iterator[tuple[str, str]]:
    """Why regions, painted one over the other with these numbers, do not give the files' numbers, if they do not."""
    foreground = f"the {len(regions)} labels that are neither background nor ignored: {', '.join(regions)}"
    if not isinstance(order, list) or any(type(one) is not int for one in order):
        problem = f"{ORDER!r} is {json.dumps(order)}; expected a list of whole numbers, one for each of {foreground}."
        yield problem, _order_remedy(regions)
        return
    if len(order) != len(regions):
        problem = f"{ORDER!r} has {len(order)} numbers, {order}; expected one for each of {foreground}."
        yield problem, _order_remedy(regions)
        return
    last, names = _last_around(regions), list(regions)
    wrong = [
        f"{number} as {order[place]} (by {names[place]!r})"
        for number, place in sorted(last.items())
        if order[place] != number
    ]
    if wrong:
        problem = f"{ORDER!r} {order} paints {listed(wrong)}; expected every number of the files to come out as it is."
        how = "The numbers stand in the order of the labels, and later ones paint over earlier ones."
        yield problem, f"{_order_remedy(regions, order)} {how}"


def _last_around(regions: Regions) -> dict[int, int]:
    """The place of the last region around each number, with whose number it is painted."""
    return {number: place for place, numbers in enumerate(regions.values()) for number in numbers}


def _order_remedy(regions: Regions, order: Sequence[int] = ()) -> str:
    """What to write where numbers come out as others; ``order`` has those of regions that nothing is left of."""
    last = _last_around(regions)
    own, rest = {place: number for number, place in last.items()}, order or [one[0] for one in regions.values()]
    if len(own) == len(last):
        return f"Write {[own.get(place, number) for place, number in enumerate(rest)]}."
    for together in indistinct_classes(regions):
        return f"Add a label for one of {listed(list(map(str, together)))}: no region tells them apart."
    larger_first = _last_around(dict(sorted(regions.items(), key=lambda one: -len(one[1]))))
    if len(set(larger_first.values())) == len(last):
        return "List in 'labels' the larger regions before those inside them."
    return f"Remove {ORDER!r}: mobileunet does without it."
