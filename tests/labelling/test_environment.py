from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from monai_mobileunet.labelling import ServerEnvironment
from monai_mobileunet.labelling.environment import MARKER, REQUIREMENTS, SAME_AS_HERE, _this_package


def test_a_missing_environment_says_how_it_is_made(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"mobileunet label --install --environment .*nowhere"):
        ServerEnvironment(tmp_path / "nowhere").check()


def test_an_environment_of_someone_else_is_not_installed_into():
    """The one that this runs in, for example."""
    environment = ServerEnvironment(Path(sys.prefix))
    with pytest.raises(FileNotFoundError, match=r"monailabel, torchvision not installed there\. Install it there"):
        environment.check()
    with pytest.raises(FileExistsError, match="holds something else"):
        environment.install()


def test_other_versions_than_here_are_told(tmp_path: Path):
    """Masks are alike where the versions are."""
    environment = ServerEnvironment(tmp_path)
    (tmp_path / MARKER).touch()
    environment.python.parent.mkdir()
    found = dict.fromkeys(("monailabel", "torchvision", "monai_mobileunet", *SAME_AS_HERE), "0.0.1")
    environment.python.write_text(f"#!/bin/sh\necho '{json.dumps(found)}'\n")
    environment.python.chmod(0o755)
    with pytest.raises(FileNotFoundError, match=r"has torch 0\.0\.1, here is .*Both must segment alike\. Make it with"):
        environment.check()


def test_an_interpreter_that_does_not_run_is_named(tmp_path: Path):
    environment = ServerEnvironment(tmp_path)
    (tmp_path / MARKER).touch()
    environment.python.parent.mkdir()
    environment.python.write_text("#!/bin/sh\necho gone >&2\nexit 3\n")
    environment.python.chmod(0o755)
    with pytest.raises(FileNotFoundError, match="does not run: gone"):
        environment.check()


def test_a_step_that_fails_says_where_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    steps: list[str] = []
    with pytest.raises(RuntimeError, match=r"(?s)making the environment failed.*install\.log"):
        ServerEnvironment(tmp_path / "new").install(steps.append)
    assert steps == ["making the environment"]


def test_the_requirements_can_be_read_by_pip():
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    names = [Requirement(line).name for line in lines]
    assert "fastapi" in names
    assert not {"sam2", "mlflow", "numpymaxflow"} & set(names)


def test_this_package_is_installed_from_where_it_came():
    assert any(os.fspath(Path(__file__).parents[2]) in argument for argument in _this_package())
