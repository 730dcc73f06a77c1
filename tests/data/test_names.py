"""One rule for numbers of channels, and one way through folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from monai_mobileunet.data.names import case_name, is_picture, names_without_channel, parse_channel, without_suffix
from monai_mobileunet.data.walking import walk_folders, walk_images


@pytest.mark.parametrize(
    ("name", "label", "names"),
    [
        ("a_0000", "", {"a_0000", "a"}),
        ("a_0001", "", {"a_0001"}),
        ("a_0001", "a", {"a_0001", "a"}),
        ("patient_0012", "patient_0012", {"patient_0012"}),
        ("a", "b", {"a"}),
    ],
)
def test_a_segmentation_has_the_name_of_its_image_with_a_channel_or_without(name: str, label: str, names: set[str]):
    assert names_without_channel(name, label) == names


def test_parts_of_names():
    assert parse_channel("a_1_0003") == ("a_1", "0003")
    assert (case_name("x/a.PNG"), is_picture("a.JPEG"), is_picture("a.png.nii.gz")) == ("a", True, False)
    assert parse_channel("_0003") == ("_0003", "")
    assert (case_name("x/a.b.NII.GZ"), without_suffix("x/a.b.NII.GZ"), case_name("x/a.gif")) == (
        "a.b",
        "x/a.b",
        "a.gif",
    )


def test_each_folder_is_walked_once_and_by_its_own_path(tmp_path: Path):
    for name in ("b/c/2.nii", "b/1.nii.gz", ".hidden/3.nii", "b/._1.nii", "b/text.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "c" / "up").symlink_to(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in walk_images(tmp_path)] == ["b/1.nii.gz", "b/c/2.nii"]
    seen = []
    for here, folders, files in walk_folders(tmp_path):
        seen.append((here.name, [path.name for path in files]))
        folders[:] = [folder for folder in folders if folder.name != "c"]
    assert seen == [(tmp_path.name, []), ("b", ["1.nii.gz", "text.txt"])]
    unreadable: list[str] = []
    assert not list(walk_folders(tmp_path / "gone", unreadable))
    assert unreadable == [str(tmp_path / "gone")]


def test_only_the_loading_for_monai_s_engines_needs_monai():
    code = (
        "import sys, types, importlib.util; package = types.ModuleType('monai_mobileunet');"
        "package.__path__ = list(importlib.util.find_spec('monai_mobileunet').submodule_search_locations);"
        "sys.modules['monai_mobileunet'] = package;"
        "from monai_mobileunet.data import find_class_names, find_images, load_cases, read_volume, write_mask;"
        "assert not {'torch', 'monai'} & set(sys.modules), set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
