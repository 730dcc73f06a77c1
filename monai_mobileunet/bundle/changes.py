"""Changes of a bundle by id, as ``--set id=value`` names them: what there is no place for is refused.

MONAI's parser takes any id: a misspelt one becomes an entry that nobody reads, or an argument that a class does not
have, which is found when the class is made, hours later perhaps.
"""

from __future__ import annotations

import inspect
import pydoc
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from monai.bundle import ConfigComponent, ConfigParser, ReferenceResolver

__all__ = ["check_changes", "known_changes"]

INFERENCE = "inference.json"
ADDS = "+"
"""Before an id MONAI adds to what is there, in place of replacing it."""
OF_COMPONENTS = ConfigComponent.non_arg_keys - {"_target_"}
"""What MONAI reads of any component, beside its arguments."""


def check_changes(
    folder: Path, changes: Mapping[str, Any], files: Sequence[str] = (INFERENCE,), merged: bool = False
) -> None:
    """Refuse changes that no file of a bundle has a place for.

    Legal are entries that stand in one of the files, positions of lists, arguments of a ``_target_`` that takes them,
    written or not, what MONAI reads of any component, such as ``_disabled_``, and new components for others to refer
    to.

    Args:
        folder: of the bundle; where it lacks the files nothing is checked, for who opens it says that better.
        changes: values by id, in the order in which they are made.
        files: those that the command uses, in ``configs``.
        merged: whether MONAI merges the changes as it does those of ``monai.bundle run``, to which ``+`` before an id
            means an addition.

    Raises:
        ValueError: an id that there is not; the message names the nearest that there are.
    """
    if not changes:
        return
    parsers = [_read(folder, name) for name in files if (folder / "configs" / name).is_file()]
    for given, value in changes.items():
        name = given.removeprefix(ADDS) if merged else given
        new = "#" not in name and "::" not in name and isinstance(value, dict) and "_target_" in value
        places = [parser for parser in parsers if new or _has(parser, name)]
        if parsers and not places:
            raise ValueError(f"--set {name}: {_refusal(parsers, name, files)}")
        for parser in places if name == given else ():  # what comes after may change what this one brings
            parser[name] = deepcopy(value)


def known_changes(folder: Path, changes: Mapping[str, Any], file: str = INFERENCE) -> dict[str, Any]:
    """Those of several changes that one file of a bundle has a place for; none where there is no such file."""
    if not (folder / "configs" / file).is_file():
        return {}
    parser, known = _read(folder, file), {}
    for name, value in changes.items():
        if _has(parser, name):
            known[name] = value
            parser[name] = deepcopy(value)
    return known


def _read(folder: Path, name: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / name))
    metadata = folder / "configs" / "metadata.json"
    if metadata.is_file():
        parser.read_meta(str(metadata))
    return parser


def _has(parser: ConfigParser, name: str) -> bool:
    """Whether there is a place for a change."""
    *path, last = ReferenceResolver.split_id(name)
    node = parser.get()
    for key in path:
        if not _holds(node, key):
            return False
        node = node[int(key) if isinstance(node, list) else key]
    return _holds(node, last) or (
        isinstance(node, dict) and "_target_" in node and (last in OF_COMPONENTS or last in _arguments(parser, node))
    )


def _holds(node: Any, key: str) -> bool:
    if isinstance(node, list):
        return key.removeprefix("-").isdecimal() and -len(node) <= int(key) < len(node)
    return isinstance(node, dict) and key in node


class _Any(tuple):
    """The names of arguments where any is taken, or nothing is known of them."""

    def __contains__(self, name: object) -> bool:
        return True


def _arguments(parser: ConfigParser, component: dict[str, Any]) -> tuple[str, ...]:
    """What the target of a component can be given."""
    target = ConfigComponent(component, locator=parser.locator).resolve_module_name()
    try:
        parameters = inspect.signature(pydoc.locate(target)).parameters.values()  # type: ignore[arg-type]
    except (pydoc.ErrorDuringImport, TypeError, ValueError, AttributeError):  # whoever makes it says what is wrong
        return _Any()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return _Any()
    return tuple(parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY)


def _refusal(parsers: Sequence[ConfigParser], name: str, files: Sequence[str]) -> str:
    """That there is no such entry, and which there are: the nearest, or those of the first file."""
    problem = f"{files[0]} has no such entry" if len(files) == 1 else f"neither {' nor '.join(files)} has such an entry"
    parent = name.replace("::", "#").rpartition("#")[0]
    known = {entry for parser in parsers for entry in _entries(parser.get())}
    for parser in parsers:
        component = parser.get(parent) if parent else None
        if isinstance(component, dict) and "_target_" in component:
            known |= {f"{parent}#{argument}" for argument in _arguments(parser, component)}
    near = get_close_matches(name.replace("::", "#"), sorted(known))
    if near:
        return f"{problem}; near to it: {', '.join(near)}."
    return f"{problem}; it has {', '.join(sorted(key for key in parsers[0].get() if not key.startswith('_')))}."


def _entries(node: Any, parent: str = "") -> Iterator[str]:
    """The ids of all that stands in a config, but for MONAI's own keys."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if not str(key).startswith("_"):
            name = f"{parent}#{key}" if parent else str(key)
            yield name
            yield from _entries(value, name)
