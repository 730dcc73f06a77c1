"""Consoles that are not UTF-8, names as long as names can be, and bytes that are no text: in real processes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import ONE_THREAD

from monai_mobileunet.cli.terminal import make_safe, printable
from monai_mobileunet.data import read_volume, write_mask
from monai_mobileunet.data.writing import fitting_name

CONSOLES = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_a_stream_takes_every_text(encoding: str):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    make_safe(stream, None, io.StringIO())
    stream.write("a → b… × 肝 \udcfc")
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert text.endswith("\\udcfc")
    assert text.startswith("a → b…" if encoding == "utf-8" else "a -> b")
    assert ("肝" if encoding == "utf-8" else "\\u809d") in text


def test_a_name_does_nothing_to_a_terminal():
    assert printable("a\x1b[2Jb\rc\udcfc\n") == "a\\x1b[2Jb\\rc\\udcfc\n"


@pytest.mark.parametrize(
    ("stem", "suffix"), [("a" * 255, ".nii.gz"), ("肝" * 85, ".webp"), ("\udcfc" * 250, ".nii.gz")]
)
def test_a_name_that_is_made_fits(tmp_path: Path, stem: str, suffix: str):
    name = fitting_name(stem, suffix)
    assert 240 < len(os.fsencode(name)) <= 255
    assert name.endswith(suffix)
    (tmp_path / name).write_bytes(b"")
    assert fitting_name(stem[:-1] + "x", suffix) != name, "others stay others"
    assert fitting_name("short", suffix) == f"short{suffix}"


def long_names(folder: Path, source: Path) -> list[str]:
    """Images with names of 249 to 255 bytes."""
    folder.mkdir()
    suffix = ".nii.gz"
    stems = [str(size) + "a" * (size - 3 - len(suffix)) for size in range(249, 256)]
    stems += ["肝" * 82 + "ab", "b" + "\udcfc" * 247]
    for stem in stems:
        shutil.copy(source, folder / f"{stem}{suffix}")
    assert max(len(os.fsencode(name)) for name in os.listdir(folder)) == 255
    return stems


@pytest.mark.parametrize(
    "console", ["ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in CONSOLES if name != "ascii")]
)
def test_a_run_with_the_longest_names_ends_well_on_every_console(
    trained: Path, toy_dataset: Path, tmp_path: Path, console: str
):
    stems = long_names(tmp_path / "in", toy_dataset / "imagesTr" / "toy_001.nii.gz")
    out = tmp_path / "out"
    command = [sys.executable, "-W", "ignore", "-m", "monai_mobileunet", "segment", "-i", tmp_path / "in", "-o", out]
    environment = {**ONE_THREAD, **CONSOLES[console]}
    fast = ["-m", trained, "--fast", "--threads", "1"]
    done = subprocess.run([*command, *fast], env=environment, capture_output=True, timeout=300)
    text = (done.stdout + done.stderr).decode("latin-1")
    assert done.returncode == 0, text[-3000:]
    assert f"{len(stems)} done, 0 failed" in text
    for stem in stems:
        assert (out / f"{stem}.nii.gz").is_file()
    assert len(list((out / ".mobileunet" / "pictures").iterdir())) == len(stems)
    again = subprocess.run([*command, *fast, "--dry-run"], env=environment, capture_output=True, timeout=300)
    assert again.returncode == 0
    assert f"{len(stems)} finished before, 0 to do" in again.stdout.decode("latin-1")


@pytest.mark.parametrize("arguments", [["--help"], ["info"], ["segment"]])
def test_every_command_prints_on_an_ascii_console(arguments: list[str]):
    command = [sys.executable, "-W", "ignore", "-m", "monai_mobileunet", *arguments]
    done = subprocess.run(command, env={**ONE_THREAD, "PYTHONIOENCODING": "ascii:strict"}, capture_output=True)
    text = (done.stdout + done.stderr).decode("ascii")
    assert done.returncode == (2 if arguments == ["segment"] else 0), text
    assert "Traceback" not in text


def test_a_reader_that_goes_away_changes_no_exit_code():
    code = "from monai_mobileunet.cli.terminal import console; [console.print(99 * 'x') for _ in range(5000)]"
    command = f'{sys.executable} -W ignore -c "{code}" | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], env=ONE_THREAD, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nhdr", ".mhd"])
def test_a_name_that_is_no_utf_8_is_read_and_written_by_simpleitk(tmp_path: Path, suffix: str):
    """Given it as it is, SimpleITK ends the whole process."""
    folder = tmp_path / "m\udcfcller"
    folder.mkdir()
    values = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / f"x{suffix}"))
    for file in tmp_path.glob("x.*"):
        shutil.copy(file, folder / file.name)
    volume = read_volume(folder / f"x{suffix}")
    assert np.array_equal(volume.values, values.T)
    mask = folder / f"\udcff{suffix.replace('hdr', 'rrd').replace('mhd', 'mha')}"
    write_mask(np.ones(volume.shape, np.uint8), mask, volume)
    assert read_volume(mask).values.sum() == 60
