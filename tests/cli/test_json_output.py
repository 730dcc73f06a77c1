"""What commands print with --json, --quiet and --verbose: in a real process, by its stdout and stderr."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import HIPPOCAMPUS, ONE_THREAD, PROJECT
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.planning import probe

ONE_BY_ONE = """
import json, os, sys
from pathlib import Path
from monai_mobileunet.cli import app
from monai_mobileunet.planning import probe

def costs(*_):
    print("a library prints")
    os.write(1, b"a library in C prints")
    return {}

probe.measure_costs = costs
for name, arguments in json.loads(sys.argv[1]).items():
    for number, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{name}.{kind}", os.O_CREAT | os.O_WRONLY), number)
    code = app(arguments, standalone_mode=False)
    sys.stdout.flush()
    Path(f"{name}.code").write_text(str(code or 0))
"""
"""Runs commands in one process, which imports torch once, each with files for its stdout and stderr."""


def documented(heading: str) -> tuple[set[str], set[str]]:
    """The keys that docs/commands.md gives for a document, and those of them that are always there."""
    text = (PROJECT / "docs" / "commands.md").read_text()
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section[1], re.MULTILINE)
    return {key for key, _ in rows}, {key for key, text in rows if not text.startswith("only ")}


def test_a_command_prints_one_document_that_its_files_hold_too(tmp_path: Path, toy_dataset: Path, trained: Path):
    def place(name: str) -> str:
        return str(tmp_path / name)

    images, masks = toy_dataset / "imagesTr", place("copied")
    shutil.copytree(toy_dataset / "labelsTr", masks)
    segment = ["segment", str(images / "toy_001.nii.gz"), "-m", str(trained), "-d", "cpu", "--fast", "--json"]
    commands = {
        "dry": [*segment, "-o", place("dry"), "--dry-run"],
        "segment": [*segment, "-o", place("masks")],
        "report": ["report", "-i", place("masks"), "--json"],
        "evaluate": ["evaluate", str(toy_dataset), "--pred", masks, "-o", place("ev"), "--worst", "0", "--json"],
        "check": ["check", str(toy_dataset), "--json"],
        "plan": ["plan", "-i", str(toy_dataset), "-o", place("bundle"), "--json"],
        "explain": ["plan", place("bundle"), "--explain", "spacing", "--json"],
        "apply": ["plan", "--apply", place("bundle"), "--json"],
        "failing": ["plan", place("nowhere"), "-o", place("other"), "--json"],
        "quiet": ["check", str(toy_dataset), "--quiet"],
        "verbose": [*segment[:-1], "-o", place("again"), "--verbose"],
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ONE_BY_ONE, json.dumps(commands)],
        cwd=tmp_path,
        env={**ONE_THREAD, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    out, err = ({name: (tmp_path / f"{name}.{kind}").read_text() for name in commands} for kind in ("out", "err"))
    codes = {name: (tmp_path / f"{name}.code").read_text() for name in commands}
    assert codes.pop("failing") == "1"
    assert set(codes.values()) == {"0"}, err.values()
    said: dict[str, Any] = {name: json.loads(out[name]) for name in commands if name not in ("quiet", "verbose")}

    headings = {"dry": "segment --dry-run", "explain": "plan --explain", "apply": "plan --apply"}
    headings |= {"segment": "segment and report", "report": "segment and report"}
    for name in said.keys() - {"failing"}:
        known, always = documented(headings.get(name, name))
        assert always <= set(said[name]) <= known, name
    assert said["segment"] == json.loads(out["report"]) | {"made": said["segment"]["made"]}
    assert said["report"] == json.loads((tmp_path / "masks" / "report.json").read_text())
    assert said["evaluate"] == json.loads((tmp_path / "ev" / "results.json").read_text())
    assert said["plan"]["plan"] == json.loads((tmp_path / "bundle" / "plan.json").read_text())
    assert said["explain"]["value"] == said["plan"]["plan"]["spacing"]["value"]
    assert said["apply"]["written"] == []
    assert (said["check"]["cases"], said["check"]["wrong"]) == (6, 0)
    (case,) = said["dry"]["todo"]
    assert case["outputs"] == [place("dry/toy_001.nii.gz")]
    assert not (tmp_path / "dry").exists()
    (error,) = said["failing"]["errors"]
    assert error.startswith(f"{place('nowhere')}: no such folder.")
    assert f"error: {error}" in err["failing"]
    assert "a library prints" in err["plan"]
    assert "a library in C prints" in err["plan"]
    assert "1 done, 0 failed" in err["segment"], "what people read goes to stderr"
    assert out["quiet"] == "6 cases, nothing wrong.\n"
    assert "INFO toy_001: done in" in out["verbose"]
    assert "weights" in out["verbose"]


def test_versions_as_json():
    content = json.loads(CliRunner().invoke(app, ["--version", "--json"]).output)
    assert set(content) == documented("Versions, for the report of a fault")[0]
    assert content["packages"]["monai"]
    assert content["runtimes"]["torch"] is True
    assert content["memory_gib"] > 0


def test_quiet_prints_warnings_and_the_last_line(toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probe, "measure_costs", lambda *_: {})
    bundle = str(tmp_path / "bundle")
    result = CliRunner().invoke(app, ["plan", str(toy_dataset), "-o", bundle, "-q", "--leave-out", "toy_006"])
    *warnings, last = result.output.splitlines()
    assert warnings
    assert all(line.startswith("warning: ") for line in warnings), result.output
    assert last == f"{bundle}: written"


def test_a_traceback_is_shown_where_it_is_asked_for(tmp_path: Path):
    arguments = ["check", str(tmp_path), "-m", str(tmp_path)]
    assert "Traceback" not in CliRunner().invoke(app, arguments).output
    assert "Traceback" in CliRunner().invoke(app, [*arguments, "-v"]).output
    assert HIPPOCAMPUS.name in CliRunner().invoke(app, ["check", "a", "-m", HIPPOCAMPUS.name[:-3]]).output
