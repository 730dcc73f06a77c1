from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from monai_mobileunet.labelling import ServerEnvironment
from monai_mobileunet.labelling.environment import REQUIREMENTS, _this_package


def test_a_missing_environment_says_how_it_is_made(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"mobileunet label --install --environment .*nowhere"):
        ServerEnvironment(tmp_path / "nowhere").check()


def test_an_environment_without_monai_label_says_what_is_missing():
    with pytest.raises(FileNotFoundError, match=r"monailabel, torchvision not installed there\. Make it with"):
        ServerEnvironment(Path(sys.prefix)).check()


def test_an_interpreter_that_does_not_run_is_named(tmp_path: Path):
    environment = ServerEnvironment(tmp_path)
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
