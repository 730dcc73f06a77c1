"""What the command plan shows: findings, the plan, what is reused of another bundle, and what to type next."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from monai_mobileunet.cli.terminal import console, printable
from monai_mobileunet.cli.voice import conclude, document, say

if TYPE_CHECKING:
    from monai_mobileunet.planning import Decision, Plan

__all__ = ["explain_decision", "say_what_is_next", "show_plan", "show_reused"]


def show_plan(planned: Plan) -> None:
    """Print the decisions as a table."""
    from monai_mobileunet.planning.planner import decisions, shown

    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("decision", no_wrap=True)
    table.add_column("value", max_width=22, overflow="fold")
    table.add_column("reason", ratio=1)
    for name, one in decisions(planned).items():
        if name != "texts":
            table.add_row(name, printable(shown(one.value)), printable(one.reason))
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    console.print(capture.get(), markup=False, highlight=False, end="")


def show_reused(planned: Plan) -> None:
    """Print for each part of the network how many parameters are reused; nothing where all start anew."""
    from monai_mobileunet.planning.planner import reused_rows

    rows = reused_rows(planned)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("part of the network", no_wrap=True)
    table.add_column("parameters reused", justify="right")
    table.add_column("of", justify="right")
    table.add_column("")
    for part, reused, total in rows:
        table.add_row(part, reused, total, "starts anew" if reused == "0" else "in part" if reused != total else "")
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    console.print(f"\n{printable(capture.get())}", markup=False, highlight=False, end="")


def explain_decision(planned: Plan, name: str) -> None:
    """Print a decision with its reason and its rule.

    Raises:
        ValueError: there is no such decision.
    """
    from monai_mobileunet.planning.planner import decisions

    known = decisions(planned)
    if name not in known:
        near = get_close_matches(name, known) or list(known)
        raise ValueError(f"--explain {name}: no such decision; there are {', '.join(near)}.")
    one: Decision = known[name]
    conclude(f"{name} = {one.value}\n{one.reason}\nrule: {one.rule or 'none, a person decided'}")
    document.write({"decision": name, "value": one.value, "reason": one.reason, "rule": one.rule})


def say_what_is_next(seconds: float | None, device: str, output: Path) -> None:
    """Print how long the training will take, where that is known, and what to type."""
    from monai_mobileunet.planning.rules.known import minutes

    if seconds is not None:
        say(f"\nThe training will take about {minutes(seconds)} on this machine ({device}).")
    say("Fill in what is marked FILL IN before you give the bundle away. Next:\n")
    say(f"python -m monai.bundle run training --config_file {output / 'configs' / 'train.json'}")
    say(f"mobileunet segment -i new_images -o masks -m {output}")
