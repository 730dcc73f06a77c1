"""All odd files that are known in one folder and one run, with good ones and such as are no files among them."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from conftest import present
from damage import itk_image, volume, write_series
from test_weird_files import REFUSED, TIME_POINTS
from whole_run import run_folder

from monai_mobileunet.data.names import image_suffix


def good(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume(), np.diag([1, 1.2, 1.5, 1])), path)


def no_files(folder: Path) -> dict[str, str]:
    """What has the name of an image or lies in a series, and what is to be said of it, by the name of its case."""
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.nii.gz")
    (folder / "loop.nii").symlink_to("loop.nii")
    (folder / "gone.nrrd").symlink_to("nowhere.nrrd")
    (folder / "zeros.nii").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.mha")
    here = os.getcwd()
    os.chdir(folder)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as ends:
            ends.bind("socket.nii")
    finally:
        os.chdir(here)
    (folder / "twelve.nrrd").write_bytes(
        b"NRRD0004\ntype: short\ndimension: 12\nsizes: "
        + b"2 " * 12
        + b"\nendian: little\nencoding: raw\n\n"
        + bytes(8192)
    )
    (folder / "many.mha").write_bytes(b"ObjectType = Image\nNDims = 99999\nDimSize = 1\nElementDataFile = LOCAL\n")
    sitk.WriteImage(itk_image(), str(folder / "short.mha"), useCompression=True)
    raw = (folder / "short.mha").read_bytes().replace(b"DimSize = 8 9 10", b"DimSize = 8 9 99")
    (folder / "short.mha").write_bytes(raw)
    return {
        "pipe.nii.gz": "is a named pipe",
        "pipe.mha": "is a named pipe",
        "loop": "is a link to loop.nii, which does not exist",
        "gone": "is a link to nowhere.nrrd, which does not exist",
        "zeros": "is a device",
        "socket": "is a socket",
        "twelve": "has 12 axes by its header",
        "many": "has a header without ElementType",
        "short": "found 1,440 bytes once unpacked",
    }


def test_what_is_no_file_and_what_ends_processes_fails_alone(trained: Path, tmp_path: Path):
    folder = tmp_path / "in"
    for name in ("a", "m/n", "z"):
        good(folder / f"{name}.nii.gz")
    expected = no_files(folder / "no_files")
    write_series(folder / "series")
    first, *_ = write_series(folder / "long_element")
    raw = first.read_bytes()
    first.write_bytes(raw[:144] + b"\2\0\1\0OB\0\0\xff\xff\xff\x7f" + raw[144:])
    os.mkfifo(folder / "series" / "pipe")
    for name, source in (("m\udcfcller.nrrd", "x.nrrd"), ("m\udcfcller.mhd", "y.mha")):
        sitk.WriteImage(itk_image(), str(tmp_path / source))
        shutil.copy(tmp_path / source, folder / name)
    axes = (
        nibabel.cifti2.ScalarAxis(["a"]),
        nibabel.cifti2.BrainModelAxis.from_mask(np.ones((2, 2, 2)), affine=np.eye(4)),
    )
    nibabel.Cifti2Image(np.zeros((1, 8)), axes).to_filename(folder / "brain.dscalar.nii")
    ended = run_folder(trained, folder, tmp_path / "out")
    assert ended.code == 1, ended.text[-3000:]
    rows = {row["case"]: row for row in ended.rows}
    assert ended.report["left"] == 0
    assert {"a", "m/n", "z"} <= {name for name, row in rows.items() if row["status"] == "done"}
    for name, said in expected.items():
        assert said in rows[f"no_files/{name}"]["problem"], name
    assert rows["series"]["status"] == "done", "a pipe among its files is none of them"
    assert "its header names neither its kind nor its series" in rows["long_element"]["problem"]
    assert "is a Cifti2Image, no volume" in rows["brain.dscalar"]["problem"]
    assert rows["m\udcfcller.nrrd"]["status"] == "done", "its name is no UTF-8, which ends SimpleITK's process"
    assert "Traceback" not in ended.text


def test_all_weird_files_in_one_run(trained: Path, tmp_path: Path, shared_data: Path):
    weird = present(shared_data / "weird_files")
    folder = tmp_path / "in"
    shutil.copytree(weird, folder)
    (folder / "udacity" / "hippocampus_281_label_512x512x94.nii.gz").unlink()  # good, and the largest by far
    for name in ("a_first", "nibabel/good", "z_last"):
        good(folder / f"{name}.nii.gz")
    ended = run_folder(trained, folder, tmp_path / "out", "--num-workers", 2)
    assert ended.code == 1, ended.text[-3000:]
    images = [path for path in folder.rglob("*") if path.is_file() and image_suffix(path)]
    rows = {Path(row["images"][0]).relative_to(folder).as_posix(): row for row in ended.rows}
    assert len(ended.rows) == len(images)
    assert ended.report["left"] == 0
    failed = {name for name, row in rows.items() if row["status"] == "failed"}
    told = {name: rows[name]["problem"] for name in failed ^ (REFUSED.keys() | TIME_POINTS.keys())}
    assert failed == REFUSED.keys() | TIME_POINTS.keys(), told
    for name, said in REFUSED.items():
        assert said in rows[name]["problem"], name
        assert "Traceback" not in rows[name]["problem"]
    assert "Traceback" not in ended.text
