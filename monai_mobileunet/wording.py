"""Words that all messages share: numbers with their nouns, and names that can be written anywhere."""

from __future__ import annotations

__all__ = ["counted", "readable"]


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
