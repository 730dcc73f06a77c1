"""What the pages say of the package: options that exist, errors as it says them, keys as the bundles have them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT
from typer.main import get_command

from monai_mobileunet.cli import app
from monai_mobileunet.planning.plan import Plan

DOCS = PROJECT / "docs"
CONFIGS = {path.parent.parent.name: path.parent for path in (PROJECT / "bundles").glob("*/configs/train.json")}
NOT_IN_OURS = {"class_share", "stratify_by", "leave_out", "ignore", "annotated_slices_only", "labelled", "regions"}
"""Entries that a plan writes where a data set asks for them, and those of the shipped bundles do not."""

PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_the_options_that_a_page_gives_them(page: Path):
    named = re.findall(r"(?:^|`)mobileunet ([a-z]+)", page.read_text(), flags=re.MULTILINE)
    assert {*named} <= COMMANDS.keys()
    for name, rest in re.findall(r"\bmobileunet ([a-z]+)(?=[ `\n])([^`|\n]*)", page.read_text()):
        if name in COMMANDS:
            known = {spelling for one in COMMANDS[name].params for spelling in (*one.opts, *one.secondary_opts)}
            given = {*re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest)}
            assert given <= known | {"--help"}, f"{page.name}: mobileunet {name}{rest}"


def texts() -> list[str]:
    """The texts of the page, each from its table's first column."""
    return re.findall(r"^\| `([^`]+)` \|", (DOCS / "troubleshooting.md").read_text(), flags=re.MULTILINE)


def said() -> str:
    """All that the package's strings and the page of ``mobileunet web`` say, with … for what is put into them."""
    page = PROJECT / "web" / "segment"
    of_page = [re.sub(r"\$\{[^}]*\}", "…", path.read_text()) for path in (*page.rglob("*.js"), page / "index.html")]
    return "\n".join(of_page) + "\n".join(
        "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        if isinstance(node, ast.JoinedStr)
        else node.value
        for path in (PROJECT / "monai_mobileunet").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    )


def test_errors_are_listed_as_the_package_says_them():
    strings, listed = said(), texts()
    assert len(listed) > 60
    unknown = [text for text in listed if any(part.strip() not in strings for part in text.split("…"))]
    assert not unknown, "The package says something else now. Write it in docs/troubleshooting.md as it does."


def keys(section: str) -> Iterator[str]:
    page = (DOCS / "bundle_keys.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    for cell in re.findall(r"^\| (`.+?) \|", page, flags=re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", cell)


def has(config: dict, key: str) -> bool:
    """Whether an id leads to an entry, in the way of MONAI."""
    for step in [] if key in config else key.split("#"):
        if step not in config:
            return False
        config = config[step]
    return True


@pytest.mark.parametrize("name", ["train.json", "inference.json", "evaluate.json", "metadata.json"])
def test_keys_are_those_of_the_bundles(name: str):
    configs = [json.loads((folder / name).read_text()) for folder in CONFIGS.values()]
    listed, shared = {*keys(name)}, {*keys("train.json")}
    known = listed if name == "metadata.json" else listed | shared
    assert not {key for config in configs for key in config} - known, "docs/bundle_keys.md lacks these."
    others = NOT_IN_OURS | {"starting_weights", "training"}
    assert not {key for key in listed - others if not any(has(config, key) for config in configs)}


def test_decisions_are_those_of_a_plan():
    assert {*keys("plan.json")} == {*Plan.__dataclass_fields__}
