"""Words that all messages share: numbers with their nouns, names for any file, one line for many cases."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["SameText", "counted", "readable", "same_texts"]

NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 case``, ``0 cases``, ``12,345 cases``.

    Args:
        number: how many there are.
        noun: for one.
        plural: for any other number; by default the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def readable(text: str) -> str:
    """Text in UTF-8: names of files need not be, and what is none of it is written by its number."""
    return text.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class SameText:
    """What is said of one case or of many in nearly the same words.

    Attributes:
        text: as it is said of the first case.
        names: of the cases.
    """

    text: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"

    @property
    def where(self) -> str:
        """The case, or how many there are."""
        first, count = self.names[0], len(self.names)
        return first if count == 1 else f"{counted(count, 'case')}, {first} among them"


def same_texts(said: Iterable[tuple[str, str]]) -> list[SameText]:
    """Texts about cases, each once that differs in nothing but its numbers and the name of its case.

    Args:
        said: name of a case and a text about it; a case may have several.

    Returns:
        The texts, what is said of most cases first.
    """
    groups: dict[str, tuple[str, dict[str, None]]] = {}
    for name, text in said:
        words = NUMBER.sub("#", text.replace(name, "#"))
        groups.setdefault(words, (text, {}))[1].setdefault(name)
    found = [SameText(text, tuple(names)) for text, names in groups.values()]
    return sorted(found, key=lambda one: -len(one.names))
