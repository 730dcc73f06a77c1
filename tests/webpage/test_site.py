"""A site is written whole or not at all, and replaces nothing but a former one."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from monai_mobileunet.data import DataError
from monai_mobileunet.webpage import site as site_module
from monai_mobileunet.webpage.site import write_site

MADE = "monai_mobileunet 0.1.0"
BUNDLE = {"bundle/bundle.json": b"{}", "bundle/network.onnx.gz": b"network"}
PAGE = {
    "segment/page.js",
    "pipeline/half.js",
    "viewer/viewer.js",
    "vendor/onnxruntime/ort.wasm.bundle.min.mjs",
    "vendor/onnxruntime/ort-wasm-simd-threaded.wasm.gz",
    "vendor/onnxruntime/ort-wasm-simd-threaded.jspi.wasm.gz",
    "index.html",
}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_site_is_whole_and_lists_its_files(small_page: Path, tmp_path: Path):
    written = write_site(tmp_path / "sites" / "one", MADE, BUNDLE)
    found = files(written.folder)
    assert found.keys() == {*PAGE, *BUNDLE, "offline.js", "site.json"}
    listed = json.loads(found["site.json"])
    assert listed["made_with"] == MADE
    assert listed["files"].keys() == {*PAGE, *BUNDLE}
    for name, facts in listed["files"].items():
        assert facts == {"sha256": hashlib.sha256(found[name]).hexdigest(), "bytes": len(found[name])}
    assert len(listed["version"]) == 16
    assert int(listed["version"], 16)
    assert found["offline.js"].decode() == f"const VERSION = '{listed['version']}';"
    assert (written.files, written.version) == (len(found), listed["version"])
    assert os.listdir(tmp_path / "sites") == ["one"]
    assert written.folder.stat().st_mode & 0o777 == small_page.stat().st_mode & 0o777, "a web server can read it"


def test_what_another_runtime_needs_is_not_counted(small_page: Path, tmp_path: Path):
    written = write_site(tmp_path / "one", MADE, BUNDLE)
    assert 200 < written.wire_bytes < 2000
    (small_page / "vendor" / "onnxruntime" / "ort-wasm-simd-threaded.jspi.wasm.gz").write_bytes(os.urandom(5000))
    assert abs(write_site(tmp_path / "one", MADE, BUNDLE).wire_bytes - written.wire_bytes) < 20
    (small_page / "vendor" / "dcm2niix").mkdir()
    (small_page / "vendor" / "dcm2niix" / "dcm2niix.wasm").write_bytes(os.urandom(5000))
    assert write_site(tmp_path / "one", MADE, BUNDLE).wire_bytes > written.wire_bytes + 5000


def test_the_version_follows_from_the_files(small_page: Path, tmp_path: Path):
    def version(contents: dict[str, bytes]) -> str:
        return write_site(tmp_path / "one", MADE, contents).version

    first = version(BUNDLE)
    assert version(BUNDLE) == first
    assert version({**BUNDLE, "bundle/network.onnx.gz": b"other"}) != first
    (small_page / "segment" / "offline.js").write_text("const VERSION = '__VERSION__'; // another")
    assert version(BUNDLE) != first


def test_a_former_site_is_replaced_and_an_empty_folder_filled(small_page: Path, tmp_path: Path):
    folder = tmp_path / "one"
    folder.mkdir()
    write_site(folder, MADE, {**BUNDLE, "bundle/old.bin": b"old"})
    write_site(folder, MADE, BUNDLE)
    assert files(folder).keys() == {*PAGE, *BUNDLE, "offline.js", "site.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"one", "package"}


@pytest.mark.parametrize("content", ["{}", "no JSON", '{"made_with": "another 1.0", "files": {}}', "[1]"])
def test_a_folder_of_other_things_is_refused(small_page: Path, tmp_path: Path, content: str):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "site.json").write_text(content)
    with pytest.raises(DataError, match=r"thesis: is there already, and is no site .* Name another folder with --outp"):
        write_site(tmp_path / "thesis", MADE, BUNDLE)
    assert files(tmp_path / "thesis") == {"site.json": content.encode()}


def test_a_site_with_files_of_others_a_file_and_a_link_are_refused(small_page: Path, tmp_path: Path):
    folder = tmp_path / "one"
    write_site(folder, MADE, BUNDLE)
    (folder / "segment" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"a file that does not belong to it, segment/notes\.txt"):
        write_site(folder, MADE, BUNDLE)
    assert (folder / "segment" / "notes.txt").read_text() == "mine"
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(folder)
    for name in ("file", "link"):
        with pytest.raises(DataError, match="is no folder"):
            write_site(tmp_path / name, MADE, BUNDLE)


@pytest.mark.parametrize("fails", ["_list_files", "_copy_page", "_wire_bytes", "_put_in_place"])
def test_nothing_is_left_half_written(small_page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str):
    folder = tmp_path / "sites" / "one"
    write_site(folder, MADE, BUNDLE)
    before = files(folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_module, fails, full)
    for place in (folder, folder.with_name("new")):
        with pytest.raises(OSError, match="No space left"):
            write_site(place, MADE, {"bundle/bundle.json": b"[]"})
    assert files(folder) == before
    assert os.listdir(folder.parent) == ["one"]


def test_a_former_site_comes_back_if_the_new_one_cannot_be_moved(
    small_page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "sites" / "one"
    write_site(folder, MADE, BUNDLE)
    before, moved = files(folder), os.replace

    def replace(source: Path, target: Path) -> None:
        if target == folder and not str(source).endswith(".former"):
            raise OSError(5, "Input/output error")
        moved(source, target)

    monkeypatch.setattr(site_module.os, "replace", replace)
    with pytest.raises(OSError, match="Input/output"):
        write_site(folder, MADE, {"bundle/bundle.json": b"[]"})
    assert files(folder) == before
    assert os.listdir(folder.parent) == ["one"]


def test_an_installation_without_a_page_is_named(small_page: Path, tmp_path: Path):
    (small_page / "segment" / "index.html").unlink()
    with pytest.raises(FileNotFoundError, match=r"index\.html: no such file, so this installation has no page"):
        write_site(tmp_path / "one", MADE, BUNDLE)
    assert not (tmp_path / "one").exists()
