"""What runs a network."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from monai_mobileunet.cli.terminal import console

__all__ = ["runtimes"]


def runtimes() -> None:
    """List the runtimes that can execute a network, and say which of them are installed."""
    from monai_mobileunet.runtimes import RUNTIMES
    from monai_mobileunet.runtimes.table import missing_packages

    table = Table("runtime", "", "here")
    for name, spec in RUNTIMES.items():
        missing = missing_packages(name, conversion=False)
        table.add_row(name, spec.summary, escape(f"pip install 'monai_mobileunet[{spec.extra}]'") if missing else "yes")
    console.print(table)
