"""What all commands share: an input that is an argument and an option alike, ``--quiet``, ``--verbose``, ``--json``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from monai_mobileunet.cli.completion import complete_bundle
from monai_mobileunet.cli.terminal import SafeGroup
from monai_mobileunet.cli.voice import speaking

__all__ = ["Command", "Group", "WorkingCommand", "option_of"]

BY_NAME = "_by_name"
"""Ends the name of an option that sets an argument."""


def _shared(
    source_by_name: Annotated[
        Path | None, typer.Option("--input", "-i", help="Sets INPUT, as the argument does.")
    ] = None,
    data_by_name: Annotated[
        Path | None, typer.Option("--input", "-i", "--data", help="Sets INPUT, as the argument does.")
    ] = None,
    studies_by_name: Annotated[
        str | None, typer.Option("--input", "-i", "--studies", help="Sets INPUT, as the argument does.")
    ] = None,
    bundle_by_name: Annotated[
        Path | None,
        typer.Option(
            "--bundle", "-m", "--model", help="Sets BUNDLE, as the argument does.", autocompletion=complete_bundle
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only warnings, errors and the last line.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print what is logged, too, and where an error comes from.")
    ] = False,
) -> None:
    """Options that commands get by the names of their arguments, or all alike."""


@cache
def _options() -> dict[str, Any]:
    """These options by their names."""
    holder = typer.Typer(add_completion=False)
    holder.command()(_shared)
    return {option.name: option for option in typer.main.get_command(holder).params}


class Command(TyperCommand):
    """A command whose input, and whose bundle where that is an argument, can be named by an option, too."""

    shared: tuple[str, ...] = ()
    """Names of further options that the command gets."""

    def __init__(self, name: str | None, *, params: list[Any] | None = None, **attributes: Any) -> None:
        own, known = list(params or []), _options()
        named = [known[p.name + BY_NAME] for p in own if _is_argument(p) and p.name + BY_NAME in known]
        arguments, options = filter(_is_argument, own), (param for param in own if not _is_argument(param))
        shared = [known[option] for option in self.shared]
        if help := attributes.pop("help", None):
            attributes["help"] = "\n\n".join(" ".join(paragraph.split()) for paragraph in help.split("\n\n"))
        super().__init__(name, params=[*arguments, *named, *options, *shared], **attributes)

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with nothing in the place of a value where a flag has none."""
        return _plain(super().get_params(ctx))

    def make_parser(self, ctx: Any) -> Any:
        """A parser that gives what an option sets to its argument."""
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_all(args: list[str]) -> tuple[dict[str, Any], list[str], list[Any]]:
            values, rest, order = parse(args)
            return (*self._assigned(values, rest), order)

        parser.parse_args = parse_all  # type: ignore[method-assign]
        return parser

    def _assigned(self, values: dict[str, Any], rest: list[str]) -> tuple[dict[str, Any], list[str]]:
        """Values by parameter, and what is left over: the words without option go to the arguments that lack one."""
        arguments = [param.name for param in self.params if _is_argument(param)]
        words = [word for name in arguments if isinstance(word := values.pop(name, None), str)] + rest
        for name in arguments:
            if name + BY_NAME in values:
                values[name] = values.pop(name + BY_NAME)
            elif words:
                values[name] = words.pop(0)
        return values, words

    def invoke(self, ctx: Any) -> Any:
        """Run the command; its function gets the arguments alone, however they were named."""
        for name in [name for name in ctx.params if name.endswith(BY_NAME)]:
            del ctx.params[name]
        return super().invoke(ctx)


class WorkingCommand(Command):
    """A command that does work: it has ``--quiet`` and ``--verbose``, and perhaps ``--json``."""

    shared = ("quiet", "verbose")

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and let it print as its options ask for."""
        quiet, verbose = (ctx.params.pop(name) for name in self.shared)
        if quiet and verbose:
            raise typer.BadParameter("Give one of --quiet and --verbose.", ctx, param_hint="--quiet")
        with speaking(quiet, verbose, ctx.params.get("as_json", False)):
            return super().invoke(ctx)


class Group(SafeGroup):
    """The commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with nothing in the place of a value where a flag has none."""
        return _plain(super().get_params(ctx))


def option_of(command: Any, param: Any) -> str:
    """The option that sets a parameter of a command, in its long form."""
    setter = next((other for other in command.params if other.name == f"{param.name}{BY_NAME}"), param)
    return str(setter.opts[0])


def _is_argument(param: Any) -> bool:
    return not isinstance(param, TyperOption)


def _plain(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""  # <bool> says nothing
    return params
