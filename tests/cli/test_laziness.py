"""What a command has no need of, it does not import: in real processes, by the modules that Python lists."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from conftest import ONE_THREAD

from monai_mobileunet.cli import app

HEAVY = {"torch", "monai", "ignite", "numpy", "nibabel", "SimpleITK", "scipy", "matplotlib", "pydicom", "PIL"}
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
USAGE_ERRORS = [
    "nosuch",
    "--nosuch",
    "runtimes --nosuch",
    "plan",
    "plan a -o b --budget soon",
    "plan a -o b --set context",
    "segment",
    "segment -i a -o b",
    "segment a -i a -o b -m c",
    "segment a -o b -m c --quiet --verbose",
    "segment a -o b -m c --json --emit slurm",
    "segment -i a -o b -m c --runtime nosuch",
    "segment -i a -o b -m c --threads 0",
    "segment -i a -o b -m c --set planes",
    "label --port 0",
    "demo --project nosuch",
    "check",
    "check a --map 1=2",
    "evaluate a",
    "evaluate a --bundle b --part nosuch",
    "export a --data b --format nosuch",
    "export a --data b --set planes",
    "web a",
    "web a -o b --precision int4",
    "web a -o b --set planes",
    "fingerprint a b",
    "fingerprint a b --modality MRI",
    "info nosuch",
    "--json check a",
]


def run(arguments: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """A command in a process of its own, and the packages that it imported."""
    command = [sys.executable, "-W", "ignore", "-X", "importtime", "-m", "monai_mobileunet", *arguments.split()]
    done = subprocess.run(command, env=ONE_THREAD, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
    assert "typer" in imported, done.stderr[-2000:]
    return done, imported


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "--version --json", *(f"{command} --help" for command in COMMANDS)]
)
def test_what_only_tells_of_commands_imports_nothing_heavy(arguments: str):
    done, imported = run(arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not imported & HEAVY


@pytest.mark.parametrize("arguments", USAGE_ERRORS)
def test_a_usage_error_imports_nothing_heavy(arguments: str):
    done, imported = run(arguments)
    assert done.returncode == 2, done.stdout[-2000:] + done.stderr[-2000:]
    assert not imported & HEAVY


def test_the_table_of_networks_alone_imports_nothing_heavy():
    done, imported = run("info --json")
    told = json.loads(done.stdout)
    assert told["mobileunet_fine"]["arguments"]["stem_stride"] == 1
    assert told["mobilenetv2_unet"]["source"]
    assert not imported & HEAVY
