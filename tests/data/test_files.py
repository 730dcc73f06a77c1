"""Files written whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monai_mobileunet.data.files import file_states, hash_file, replace_file, write_bytes, write_json, write_text


@pytest.mark.parametrize("name", ["a.nii.gz", "é" * 120 + ".nrrd", "no suffix", ".hidden", "x" * 250 + ".json"])
def test_what_was_there_stays_until_all_is_written(tmp_path: Path, name: str):
    path = tmp_path / name
    write_text(path, "old")
    with replace_file(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.name.isascii()
        assert path.suffix == "" or temporary.name.endswith(path.suffix)
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with pytest.raises(TypeError), replace_file(path) as temporary:
        temporary.write_bytes(temporary.write_text("half"))
    with pytest.raises(FileNotFoundError), replace_file(path):
        pass
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == [name]


def test_a_temporary_file_grows_in_a_folder_of_its_own(tmp_path: Path):
    (tmp_path / "scratch").mkdir()
    with replace_file(tmp_path / "a.png", tmp_path / "scratch") as temporary:
        assert temporary.parent == tmp_path / "scratch"
        temporary.write_bytes(b"1")
    assert (tmp_path / "a.png").read_bytes() == b"1"
    assert not os.listdir(tmp_path / "scratch")


def test_files_are_readable_by_whom_they_would_be(tmp_path: Path):
    (tmp_path / "usual").write_bytes(b"")
    write_bytes(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_names_that_are_not_utf8_come_back_from_json(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.nii")
    write_json(tmp_path / "a.json", {"é": name}, allow_nan=False)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "é" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"é": name}


def test_hashes_and_states(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_states([path, tmp_path / "gone"]) == [[str(path), 3, path.stat().st_mtime_ns]]


def test_the_module_needs_neither_torch_nor_monai():
    code = (
        "import sys, types, importlib.util; package = types.ModuleType('monai_mobileunet');"
        "package.__path__ = list(importlib.util.find_spec('monai_mobileunet').submodule_search_locations);"
        "sys.modules['monai_mobileunet'] = package; import monai_mobileunet.data.files;"
        "assert not {'torch', 'monai', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
