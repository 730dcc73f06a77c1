"""What users type: choices, changes by id, and bundles by folder or by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from monai_mobileunet.cli.completion import complete_bundle, complete_class, complete_from
from monai_mobileunet.cli.terminal import fail, say_error
from monai_mobileunet.runtimes.table import RUNTIMES
from monai_mobileunet.shipped import shipped_bundles

__all__ = [
    "MODEL",
    "PLANES",
    "TRUST",
    "AsJson",
    "BundleArgument",
    "Ignore",
    "Runtime",
    "Weights",
    "bundle_folder",
    "bundle_option",
    "choice_option",
    "class_option",
    "duration",
    "input_argument",
    "named_bundle",
    "none_of",
    "one_of",
    "output_option",
    "overrides",
    "set_option",
    "well_formed",
]

T = TypeVar("T")
PLANES = ("axial", "coronal", "sagittal")
TRUST = "A bundle is code: use only one that you trust."
MODEL = f"Folder of a trained bundle, or the name of one that comes with the package. {TRUST}"


UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str) -> float:
    """Seconds of a time such as ``30m``; the parser of an option."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if not found or float(found[1]) <= 0:
        raise typer.BadParameter(f"{text!r} is no duration; write it as 90s, 30m or 2h.")
    return float(found[1]) * UNITS[found[2]]


def none_of(name: str, known: Iterable[str]) -> str:
    """That a name is none of those that there are, with the nearest of them and all of them."""
    known = tuple(known)
    near = get_close_matches(name, known)
    return f"{name!r} is none of {', '.join(known)}." + (f" Did you mean {' or '.join(near)}?" if near else "")


def one_of(names: Iterable[str]) -> Callable[[T], T]:
    """A callback for an option that takes one of several names, or a list of such options."""
    known = tuple(names)

    def check(given: T) -> T:
        for name in given if isinstance(given, list) else [given]:
            if name is not None and name not in known:
                raise typer.BadParameter(none_of(str(name), known))
        return given

    return check


def well_formed(changes: list[str] | None) -> list[str] | None:
    """A callback for ``--set``: what is not ``id=value`` is refused before anything is imported."""
    overrides(changes or [])
    return changes


def input_argument(help: str) -> Any:
    """What a command reads; :class:`monai_mobileunet.cli.command.Command` makes it the option ``--input``, too."""
    return typer.Argument(metavar="INPUT", help=help, show_default=False)


def output_option(help: str, *older: str) -> Any:
    """Where a command writes.

    Args:
        help: what it writes there.
        older: further spellings.
    """
    return typer.Option("--output", "-o", *older, metavar="PATH", help=help)


def bundle_option(help: str) -> Any:
    """The bundle of a command that has it as an option."""
    spellings = ("--bundle", "-m", "--model")
    return typer.Option(*spellings, metavar="BUNDLE", help=help, autocompletion=complete_bundle)


def choice_option(names: Iterable[str], *spellings: str, help: str, metavar: str = "NAME") -> Any:
    """An option that takes one of several names, which a shell completes; another is refused with the nearest.

    Args:
        names: those that there are.
        spellings: of the option; by default the name of the parameter.
        help: what it sets.
        metavar: stands for the value in the help.
    """
    known = tuple(names)
    return typer.Option(
        *spellings, metavar=metavar, help=help, callback=one_of(known), autocompletion=complete_from(known)
    )


def class_option(help: str) -> Any:
    """``--class``, as often as there are classes; a shell completes those of the bundle that is named before it."""
    return typer.Option("--class", metavar="NAME", help=help, autocompletion=complete_class)


def set_option(help: str, example: str = "as id=value") -> Any:
    """The option ``--set id=value``, as often as needed.

    Args:
        help: which entries of which file it changes, as the beginning of a sentence.
        example: of what is typed.
    """
    return typer.Option(
        "--set", metavar="ID=VALUE", callback=well_formed, help=f"{help}, {example}. It may be repeated."
    )


BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help=MODEL, show_default=False, autocompletion=complete_bundle)
]
Ignore = Annotated[
    int | None,
    typer.Option(metavar="N", help="Label value of voxels that nobody annotated; by default the one in dataset.json."),
]
Weights = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File of weights that replaces the bundle's models/model.pt.")
]
Runtime = Annotated[
    str | None,
    choice_option(RUNTIMES, help="Runtime that executes the network; mobileunet runtimes lists them."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON document on stdout, and all else on stderr.")
]


def overrides(changes: Sequence[str], bundle: Path | None = None, *files: str, merged: bool = False) -> dict[str, Any]:
    """``id=value`` as MONAI's command line takes them: values in JSON, or else as text.

    Args:
        changes: what was typed.
        bundle: folder of the bundle that has to have a place for them; ``None`` leaves that to who opens it.
        files: its configs that the command uses.
        merged: whether they are for MONAI to merge; see :func:`monai_mobileunet.bundle.changes.check_changes`.
    """
    values: dict[str, Any] = {}
    for change in changes:
        name, found, value = change.partition("=")
        if not found:
            raise typer.BadParameter(f"{change!r} is not id=value.", param_hint="--set")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
    if values and bundle is not None:
        from monai_mobileunet.bundle.changes import check_changes

        try:
            check_changes(bundle, values, files, merged)
        except ValueError as error:
            say_error(error)
            raise typer.Exit(2) from error
    return values


def named_bundle(given: Path) -> Path:
    """A bundle as :func:`bundle_folder` finds it; if there is none, the command ends with exit code 1."""
    try:
        return bundle_folder(given)
    except FileNotFoundError as error:
        fail(error)


def bundle_folder(given: Path | None, option: str = "-m") -> Path:
    """A bundle by its folder, or one that comes with the package by its name.

    Args:
        given: what was typed.
        option: that it is typed with, for the message.

    Raises:
        FileNotFoundError: neither; the known names are listed.
    """
    known = shipped_bundles()
    if given is not None and (given / "configs").is_dir():
        return given
    if given is not None and str(given) in known:
        return known[str(given)]
    problem = "no bundle is named" if given is None else f"{given}: no bundle, it has no configs/"
    names = f", or one of {', '.join(known)}" if known else ""
    near = get_close_matches(str(given), known)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise FileNotFoundError(f"{problem}. Name the folder of one with {option}{names}.{meant}")
