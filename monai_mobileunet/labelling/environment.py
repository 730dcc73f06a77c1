"""The Python that MONAI Label runs in: one of its own, for it asks for versions that would disturb any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution, version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import typer

__all__ = ["MONAI_LABEL", "ServerEnvironment", "default_environment"]

MONAI_LABEL = "0.8.5"
PACKAGE = "monai_mobileunet"
CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
WITHOUT_DEPENDENCIES = (f"monailabel=={MONAI_LABEL}", "pydicom-seg==0.4.1")
SAME_AS_HERE = ("torch", "monai", "numpy", "nibabel", "simpleitk", "pytorch-ignite")
"""Packages that decide over the voxels of a mask."""

ONLY_THERE = {"pydicom": "2.4.5"}
"""Versions that MONAI Label needs where this package was tested with others; reading DICOM is tested under both."""

MARKER = ".mobileunet_label"
"""File that tells an environment of ours from others."""

PROBE = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
problem = ""
if "torchvision" in found:
    try:
        import torchvision
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
print(json.dumps({"versions": found, "problem": problem}))
"""


def default_environment() -> Path:
    """Where the server's environment lies: in the checkout, or with the user's application data."""
    if (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / ".venv-label"
    return Path(typer.get_app_dir(PACKAGE)) / "label-server"


@dataclass(frozen=True)
class ServerEnvironment:
    """A virtual environment for MONAI Label.

    Attributes:
        folder: of the environment; it need not exist.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def check(self) -> None:
        """Look whether MONAI Label and this package are installed there.

        Raises:
            FileNotFoundError: no environment there, or something is missing in it or does not fit; the message says
                what to type.
        """
        ours = self._may_install()
        remedy = (
            f"Make it with: mobileunet label --install --environment {self.folder}"
            if ours
            else "Install it there, or name another folder with --environment and make it with --install."
        )
        if not self.python.is_file():
            raise FileNotFoundError(
                f"{self.folder}: MONAI Label is not installed. It needs an environment of its own. {remedy} "
                "(some 3 GB), or name one that has it with --environment."
            )
        names = ["monailabel", "torchvision", "dcmqi", PACKAGE, *SAME_AS_HERE]
        # in its own folder, for a checkout in the working one would answer for any interpreter
        command = [str(self.python.absolute()), "-c", PROBE, *names]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        if done.returncode:
            raise FileNotFoundError(f"{self.python}: does not run: {done.stderr.strip()[-500:]}. {remedy}")
        answer = json.loads(done.stdout)
        found = answer["versions"]
        missing = [name for name in names if name not in found]
        if missing:
            raise FileNotFoundError(f"{self.folder}: {', '.join(missing)} not installed there. {remedy}")
        other = [name for name in (PACKAGE, *SAME_AS_HERE) if _public(found[name]) != _public(version(name))]
        if other and (ours or PACKAGE in other):
            problem = "; ".join(f"has {name} {found[name]}, here is {version(name)}" for name in other)
            raise FileNotFoundError(f"{self.folder}: {problem}. Both must segment alike. {remedy}")
        if answer["problem"]:
            raise FileNotFoundError(
                f"{self.folder}: torchvision {found['torchvision']} cannot be imported beside torch {found['torch']} "
                f"({answer['problem']}). Install both from one index; for torch's CPU build make the environment again "
                "with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu set."
            )

    def _may_install(self) -> bool:
        """Whether the folder is ours to install into: nothing is in it but what :meth:`install` put there."""
        return (self.folder / MARKER).is_file() or not self.folder.is_dir() or not any(self.folder.iterdir())

    def install(self, show_step: Callable[[str], None] = lambda step: None) -> Path:
        """Make the environment, or bring it up to date.

        It gets the versions that this environment has of what decides over a mask, so that both segment alike.
        Packages come from where pip is set to look; ``PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu``
        gives the smaller torch for machines without a GPU.

        Args:
            show_step: called with a line before each step.

        Returns:
            File with what pip said.

        Raises:
            FileExistsError: the folder holds something else, such as another environment.
            RuntimeError: a step failed; the message has the end of what it said.
        """
        if not self._may_install():
            raise FileExistsError(f"{self.folder}: holds something else. Name another folder with --environment.")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARKER).write_text(f"An environment for MONAI Label, made by {PACKAGE} {version(PACKAGE)}.\n")
        log = self.folder / "install.log"
        pip = [self.python, "-m", "pip", "install", "--disable-pip-version-check"]
        with tempfile.TemporaryDirectory() as temporary, log.open("w", encoding="utf-8") as output:
            tested, constraints = CHECKOUT / "constraints.txt", Path(temporary) / "constraints.txt"
            constraints.write_text(_constraints(tested.read_text("utf-8") if tested.is_file() else ""), "utf-8")
            for step, command in (
                ("making the environment", [sys.executable, "-m", "venv", self.folder]),
                (
                    "installing what MONAI Label needs: minutes",
                    [*pip, "--constraint", constraints, "--requirement", REQUIREMENTS, *_this_package()],
                ),
                (f"installing MONAI Label {MONAI_LABEL}", [*pip, "--no-deps", *WITHOUT_DEPENDENCIES]),
            ):
                show_step(step)
                done = subprocess.run([*map(str, command)], stdout=output, stderr=subprocess.STDOUT)
                if done.returncode:
                    output.flush()
                    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
                    raise RuntimeError(f"{step} failed:\n{said}\nAll of it is in {log}.")
        return log


def _public(number: str) -> str:
    """A version without the part that names a build, such as ``+cpu``."""
    return number.partition("+")[0]


def _constraints(tested: str) -> str:
    """What pip is held to: the versions of here, MONAI Label's own, and else those that this package was tested with.

    Args:
        tested: text of ``constraints.txt``, one ``name==version`` on a line; may be empty.
    """
    pins = {name: _public(version(name)) for name in SAME_AS_HERE} | ONLY_THERE
    others = [
        line for line in tested.splitlines() if "==" in line and line.partition("==")[0].strip().lower() not in pins
    ]
    return "\n".join([*(f"{name}=={number}" for name, number in pins.items()), *others, ""])


def _this_package() -> list[str]:
    """How pip gets this package into another environment: from where this one got it."""
    if (CHECKOUT / "pyproject.toml").is_file():
        return ["--editable", f"{CHECKOUT}[train]"]
    origin = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    url = origin.get("url", "")
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return [f"{PACKAGE}[train] @ {vcs['vcs']}+{url}@{vcs['commit_id']}"]
    if url.startswith("file:"):
        return [f"{url2pathname(urlsplit(url).path)}[train]"]
    return [f"{PACKAGE}[train] @ {url}"] if url else [f"{PACKAGE}[train]=={version(PACKAGE)}"]
