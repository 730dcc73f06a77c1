"""The JavaScript of the pages, by Node's own test runner, and what the pages carry of others."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT

WEB = PROJECT / "web"


def test_its_own_tests_pass():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node found, which only tests and renewals of the pages need")
    done = subprocess.run([node, "--test", "tests/"], cwd=WEB, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", sorted(WEB.glob("vendor/*")), ids=lambda folder: folder.name)
def test_what_is_carried_is_what_was_published(folder: Path):
    origin = json.loads((folder / "origin.json").read_text())
    carried = {name: hashlib.sha256(_unpacked(folder / name)).hexdigest() for name in origin["sha256"]}
    assert carried == origin["sha256"]
    wanted = json.loads((WEB / "package.json").read_text())["devDependencies"][origin["package"]]
    assert origin["version"] == wanted
    assert "Copyright" in (folder / "LICENSES.txt").read_text()


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
