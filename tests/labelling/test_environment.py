from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from monai_mobileunet.labelling import ServerEnvironment
from monai_mobileunet.labelling.environment import (
    MARKER,
    ONLY_THERE,
    PROBE,
    REQUIREMENTS,
    SAME_AS_HERE,
    _constraints,
    _this_package,
)


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
    names = ("monailabel", "torchvision", "dcmqi", "monai_mobileunet", *SAME_AS_HERE)
    answers(environment, {"versions": dict.fromkeys(names, "0.0.1"), "problem": ""})
    with pytest.raises(FileNotFoundError, match=r"has torch 0\.0\.1, here is .*Both must segment alike\. Make it with"):
        environment.check()


def answers(environment: ServerEnvironment, answer: dict) -> None:
    """Put an interpreter there that says one thing."""
    environment.python.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    environment.python.chmod(0o755)


def test_a_torchvision_that_does_not_fit_torch_is_told_before_the_start(tmp_path: Path):
    environment = ServerEnvironment(tmp_path)
    environment.python.parent.mkdir()
    versions = {name: version(name) for name in ("monai_mobileunet", *SAME_AS_HERE)}
    versions |= {"monailabel": "0.8.5", "torchvision": "0.1", "dcmqi": "1.5.7"}
    answers(environment, {"versions": versions, "problem": ""})
    environment.check()
    answers(environment, {"versions": versions, "problem": "RuntimeError: operator torchvision::nms does not exist"})
    with pytest.raises(FileNotFoundError, match=r"torchvision 0\.1 cannot be imported beside torch .*from one index"):
        environment.check()


def test_what_runs_the_probe_finds_out_that_torchvision_cannot_be_imported(tmp_path: Path):
    (tmp_path / "torchvision-0.1.dist-info").mkdir()
    (tmp_path / "torchvision-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nVersion: 0.1\n")
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    command = [sys.executable, "-c", PROBE, "torchvision", "nothing"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    problem = "RuntimeError: operator torchvision::nms does not exist"
    assert json.loads(done.stdout) == {"versions": {"torchvision": "0.1"}, "problem": problem}


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
    requirements = {Requirement(line).name: Requirement(line) for line in lines}
    names = list(requirements)
    assert {"fastapi", "dcmqi"} <= set(names)
    assert all(number in requirements[name].specifier for name, number in ONLY_THERE.items())
    assert not {"sam2", "mlflow", "numpymaxflow"} & set(names)


def test_pip_is_held_to_one_version_of_each_and_to_that_of_this_environment_where_masks_depend_on_it():
    tested = (Path(__file__).parents[2] / "constraints.txt").read_text()
    lines = _constraints(tested + "\nTorch==1.0\n# a remark\n").splitlines()
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines), "two versions of one name cannot be installed"
    assert "Torch" not in pins
    assert pins["pydicom"] == "2.4.5"
    assert pins["dcmqi"] == "1.5.7"
    assert pins["torch"] == version("torch").partition("+")[0]
    assert _constraints("").splitlines() == lines[: len(SAME_AS_HERE) + len(ONLY_THERE)]


def test_this_package_is_installed_from_where_it_came():
    assert any(os.fspath(Path(__file__).parents[2]) in argument for argument in _this_package())
