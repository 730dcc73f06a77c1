"""The JavaScript of the pages, by Node's own test runner, and what the pages carry of others."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
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


def test_the_rules_of_the_page_and_of_its_service_worker_are_the_same():
    page = (WEB / "segment" / "index.html").read_text(encoding="utf-8")
    worker = (WEB / "segment" / "offline.js").read_text(encoding="utf-8")
    in_page = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    in_worker = re.search(r"const POLICY =\n(.*?);\n", worker, re.DOTALL)
    assert in_page
    assert in_worker
    assert "".join(re.findall(r'"([^"]*)"', in_worker[1])) == in_page[1]
