"""Options are alike for all commands, complete without torch, and are those that messages name."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import BUNDLES, PROJECT
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.networks import VARIANTS
from monai_mobileunet.runtimes import RUNTIMES

PACKAGE = PROJECT / "monai_mobileunet"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
READING = sorted(name for name in COMMANDS if name not in ("info", "runtimes", "web"))
OF_MONAI = {"config_file", "meta_file", "logging_file", "bundle_root", "run_id"}
OF_OTHERS = {"standalone", "nproc_per_node", "force-reinstall", "gres", "partition", "account", "requeue"}
"""Options of torchrun, pip and sbatch that messages or a script for them name."""
NO_MESSAGES = ("cohort/parts/emit.py", "labelling/server.py", "labelling/environment.py")
"""Modules that call other programs, whose options these are."""


def options(name: str) -> set[str]:
    return {option for param in COMMANDS[name].params for option in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("name", READING)
def test_what_reads_takes_its_input_as_an_argument_and_as_an_option(name: str):
    assert {"-i", "--input"} <= options(name)
    assert any(param.metavar == "INPUT" and param.param_type_name == "argument" for param in COMMANDS[name].params)
    assert name == "demo" or {"-q", "--quiet", "-v", "--verbose"} <= options(name)


def test_options_and_earlier_spellings():
    for name in ("segment", "check", "evaluate", "label", "export", "web", "fingerprint"):
        assert {"-m", "--bundle", "--model"} <= options(name)
    for name in ("demo", "plan", "segment", "check", "evaluate", "web"):
        assert {"-o", "--output"} <= options(name)
    earlier = {"demo": "--data", "label": "--studies", "export": "--data", "check": "--write"}
    assert all(option in options(name) for name, option in earlier.items())
    for name in ("segment", "report", "check", "evaluate", "plan"):
        assert "--json" in options(name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["BUNDLE", "DATA"],
        ["BUNDLE", "-i", "DATA"],
        ["-m", "BUNDLE", "DATA"],
        ["-i", "DATA", "BUNDLE"],
        ["--input=DATA", "--model", "BUNDLE"],
        ["DATA", "--bundle", "BUNDLE"],
    ],
)
def test_words_without_option_go_to_the_arguments_that_lack_one(arguments: list[str]):
    command = COMMANDS["fingerprint"]
    with command.make_context("fingerprint", [*arguments, "--modality", "MR"]) as context:
        assert (context.params["bundle"], context.params["source"]) == (Path("BUNDLE"), Path("DATA"))


def test_what_is_named_twice_or_not_at_all_is_refused():
    runner = CliRunner(env={"COLUMNS": "200"})
    twice = runner.invoke(app, ["check", "a", "-i", "b"])
    assert twice.exit_code == 2
    assert "unexpected extra argument" in twice.output
    assert "Missing argument 'INPUT'" in runner.invoke(app, ["check"]).output
    assert "Missing option '--bundle' / '-m'" in runner.invoke(app, ["segment", "a", "-o", "b"]).output
    nearly = runner.invoke(app, ["segment", "a", "-o", "b", "-m", "c", "--runtime", "openvno"])
    assert "'openvno' is none of torch, " in nearly.output
    assert "Did you mean openvino" in nearly.output


def test_required_options_are_marked_and_flags_have_no_type():
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["segment", "--help"]).output
    required = [line for line in shown.splitlines() if "[required]" in line]
    assert [line.split()[2] for line in required] == ["INPUT", "--output", "--bundle,--model"]
    assert "<bool>" not in shown + CliRunner().invoke(app, ["--help"]).output


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("mobileunet segment a --runtime openv", [name for name in RUNTIMES if name.startswith("openv")]),
        ("mobileunet segment a -m ", [bundle.name for bundle in BUNDLES]),
        ("mobileunet export hip", ["hippocampus_mri_segmentation"]),
        ("mobileunet evaluate a -m hippocampus_mri_segmentation --class p", ["posterior"]),
        ("mobileunet evaluate a --part v", ["validation"]),
        ("mobileunet info mobileunet_t", [name for name in VARIANTS if name.startswith("mobileunet_t")]),
        ("mobileunet eval", ["evaluate"]),
    ],
)
def test_a_shell_completes_names(typed: str, completed: list[str]):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    result = CliRunner(env={"_MOBILEUNET_COMPLETE": "complete_bash", **words}).invoke(app, [], prog_name="mobileunet")
    assert result.output.split() == completed


def texts(path: Path) -> Iterator[str]:
    """Texts of a module, f-strings with a space for each value; its docstrings are no messages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed_over: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed_over.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            passed_over.update(map(id, node.values))
            yield "".join(part.value if isinstance(part, ast.Constant) else " " for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            yield node.value


def named_in(text: str) -> set[str]:
    """Long options that a text names, but those that stand alone, as in a list of arguments or a declaration."""
    return set() if " " not in text.strip() else set(re.findall(r"(?<![\w-])--([a-z][\w#-]*)", text))


def entries(config: Any, name: str = "") -> Iterator[str]:
    """Ids of a config: what MONAI's command line can change."""
    if name:
        yield name
    for key, value in config.items() if isinstance(config, dict) else ():
        yield from entries(value, f"{name}#{key}" if name else key)


def test_messages_name_options_that_exist():
    ids = {
        one
        for bundle in BUNDLES
        for path in (bundle / "configs").glob("*.json")
        for one in entries(json.loads(path.read_text()))
    }
    ids |= {"starting_weights", "resume_from"}  # of a planned bundle, and of configs/resume.json
    known = {option.removeprefix("--") for name in COMMANDS for option in options(name)} | {"version", "help"}
    wrong, found = [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place in NO_MESSAGES:
            continue
        of_command = (
            {one.removeprefix("--") for one in options(path.stem)}
            if path.stem in COMMANDS and path.parent.name == "cli"
            else known
        )
        for text in texts(path):
            for option in named_in(text):
                found += 1
                if option not in of_command | ids | OF_MONAI | OF_OTHERS:
                    wrong.append(f"{place}: --{option} in {text!r}")
    assert found > 50, "the search finds them"
    assert not wrong, "\n".join(wrong)
