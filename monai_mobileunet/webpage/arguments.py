"""What the page understands of the arguments of transforms: each kind reads a value, or says what it expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

__all__ = [
    "ABSENT",
    "ANYTHING",
    "Argument",
    "Resolve",
    "above",
    "axcodes",
    "count",
    "counts",
    "flag",
    "float32",
    "item",
    "items",
    "kept",
    "number",
    "offset",
    "only",
    "optional",
    "reader",
    "spacing",
]

ABSENT = object()
"""Stands for the default of an argument that has to be given."""

Resolve = Callable[[str], Any]
"""Gives the value of an entry of a config by its id."""

NUMBER = r"(?P<value>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|@[\w#:]+)"
"""A number as it is written in an expression, or the id of an entry that holds one."""

ABOVE = re.compile(rf"\$\s*lambda (?P<x>\w+)\s*:\s*(?P=x)\s*>\s*{NUMBER}\s*")
OFFSET = re.compile(rf"\$\s*lambda (?P<x>\w+)\s*:\s*(?P=x)\s*-\s*{NUMBER} if (?P=x)\.min\(\)\s*>=\s*0 else (?P=x)\s*")
VOLUME_READER = "monai_mobileunet.data.VolumeReader"
AXCODES = {"L": 0, "R": 0, "P": 1, "A": 1, "I": 2, "S": 2}


@dataclass(frozen=True)
class Argument:
    """One argument of a transform.

    Attributes:
        read: gives what stands in the page's description, out of the value of the config; raises ValueError with
            what it expected, to be read behind "expected".
        default: of the transform, where the config does not give the argument; :data:`ABSENT` where it has to.
        name: in the page's description, where that is another one; ``""`` leaves the argument out of it, since all
            that it may be makes no difference.
        is_code: ``read`` gets the text of an expression as it is written, and what evaluates parts of it.
    """

    read: Callable[..., Any]
    default: Any = ABSENT
    name: str | None = None
    is_code: bool = False


def kept(read: Callable[..., Any], default: Any = ABSENT) -> Argument:
    """An argument that the page's description has by the same name."""
    return Argument(read, default)


def only(*values: Any) -> Argument:
    """An argument that may have a few values, the first of which is its default, and between which nothing differs."""

    def read(value: Any) -> None:
        each = value if isinstance(value, list | tuple) else [value]  # some arguments may be given for each key
        plain = [one for one in each if one is None or isinstance(one, str | int | float)]
        if len(plain) < len(each) or not all(one in values for one in plain):
            raise ValueError(" or ".join(map(repr, values)))

    return Argument(read, values[0], name="")


ANYTHING = Argument(lambda value: value, None, name="")
"""An argument that makes no difference to what the page does."""


def items(value: Any) -> list[str]:
    """Names of items."""
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("names of items")
    return names


def item(value: Any) -> str:
    """The name of an item."""
    if not isinstance(value, str):
        raise ValueError("the name of an item")
    return value


def number(value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("a number")
    return value


def count(value: Any) -> int:
    """A whole number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0 on")
    return value


def counts(length: int | None = None) -> Callable[[Any], list[int]]:
    """Whole numbers from 0 on.

    Args:
        length: how many; one number stands for as many. ``None`` takes any list.
    """

    def read(value: Any) -> list[int]:
        values = [value] * length if length and isinstance(value, int) else value
        try:
            found = [count(one) for one in values]
        except (TypeError, ValueError):
            found = []
        if not found or (length and len(found) != length):
            raise ValueError(f"{length or 'a list of'} whole numbers from 0 on")
        return found

    return read


def spacing(value: Any) -> list[float]:
    """Three lengths of voxels."""
    values = [value] * 3 if isinstance(value, int | float) else value
    try:
        found = [number(one) for one in values]
    except (TypeError, ValueError):
        found = []
    if len(found) != 3 or min(found) <= 0:
        raise ValueError("three lengths over 0")
    return found


def optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What ``read`` takes, or nothing."""
    return lambda value: None if value is None else read(value)


def float32(value: Any) -> None:
    """The type of numbers of 32 bits, torch's or NumPy's or by its name."""
    if getattr(value, "__name__", str(value)).rpartition(".")[2] != "float32":
        raise ValueError("float32")


def reader(content: Any, resolve: Resolve) -> None:
    """This package's reader of images, which the page's own is made after; or MONAI's where none is named."""
    if content is not None and content != {"_target_": VOLUME_READER}:
        raise ValueError(f"{VOLUME_READER} without arguments")


def flag(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def axcodes(value: Any) -> str:
    """Letters of an orientation."""
    letters = "".join(value) if isinstance(value, str | list | tuple) else ""
    if sorted(AXCODES.get(letter, -1) for letter in letters) != [0, 1, 2]:
        raise ValueError("a letter for each of the three axes, such as 'RAS'")
    return letters


def above(text: Any, resolve: Resolve) -> float:
    """The number that a function asks voxels to be above; see :data:`ABOVE`."""
    return _number_in(ABOVE, text, resolve, "'$lambda x: x > NUMBER'")


def offset(text: Any, resolve: Resolve) -> float:
    """The number that a function takes off images without negative values; see :data:`OFFSET`."""
    return _number_in(OFFSET, text, resolve, "'$lambda x: x - NUMBER if x.min() >= 0 else x'")


def _number_in(pattern: re.Pattern, text: Any, resolve: Resolve, expected: str) -> float:
    found = pattern.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(expected)
    value = found["value"]
    try:
        return number(resolve(value[1:]) if value.startswith("@") else float(value))
    except ValueError as error:
        raise ValueError(f"{expected} with a number") from error
