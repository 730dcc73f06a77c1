"""Small images of every format, and what chance does to their headers."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

NUMBERS = (b"0", b"-1", b"9", b"99999", b"2147483648", b"4294967296", b"9223372036854775808", b"nan", b"1e30", b"")
NIFTI_HEADER, META_HEADER, DICOM_HEADER = 352, 400, 860


def volume(seed: int = 0) -> np.ndarray:
    """Noise with a bright box, ``(8, 9, 10)``."""
    values = np.random.default_rng(seed).integers(0, 60, (8, 9, 10)).astype(np.int16)
    values[2:6, 2:7, 3:8] += 100
    return values


def itk_image() -> sitk.Image:
    image = sitk.GetImageFromArray(volume().T)
    image.SetSpacing((1.0, 1.2, 1.5))
    return image


def write_series(folder: Path) -> list[Path]:
    """A DICOM series of four slices."""
    folder.mkdir(parents=True)
    image, writer, files = itk_image(), sitk.ImageFileWriter(), []
    writer.KeepOriginalImageUIDOn()
    for index in range(4):
        part = image[:, :, index]
        tags = {"0020|000e": "1.2.3.4", "0020|000d": "1.2.3", "0008|0018": f"1.2.3.4.{index + 1}", "0008|0060": "MR"}
        tags |= {"0020|0032": f"0\\0\\{1.5 * index}", "0020|0037": "1\\0\\0\\0\\1\\0", "0020|0013": str(index + 1)}
        tags |= {"0008|0020": "20200102", "0008|0030": "120000"}  # without them each file has the time of its writing
        for tag, value in tags.items():
            part.SetMetaData(tag, value)
        files.append(folder / f"{index}.dcm")
        writer.SetFileName(str(files[-1]))
        writer.Execute(part)
    return files


def spoil(raw: bytes, header: int, rng: random.Random) -> bytes:
    """Bytes changed, lost, put in, and numbers exchanged, in the first ``header`` of them."""
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        end = max(1, min(header, len(data)))
        at, kind = rng.randrange(end), rng.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << rng.randrange(8)])
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            digits = [place for place in range(min(end, len(data))) if chr(data[place]).isdigit()]
            place = rng.choice(digits) if digits else at
            data[place : place + 1] = rng.choice(NUMBERS)
    return bytes(data)


def _spoil_file(path: Path, header: int | None, rng: random.Random) -> None:
    raw = path.read_bytes()
    path.write_bytes(spoil(raw, len(raw) if header is None else header, rng))


def _nifti(path: Path, rng: random.Random) -> None:
    nibabel.save(nibabel.Nifti1Image(volume(), np.diag([1, 1.2, 1.5, 1])), path)
    _spoil_file(path, NIFTI_HEADER, rng)


def _nifti_in_gzip(path: Path, rng: random.Random) -> None:
    plain = path.with_name(path.name[: -len(".gz")])
    _nifti(plain, rng)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()


def _gzip(path: Path, rng: random.Random) -> None:
    nibabel.save(nibabel.Nifti1Image(volume(), np.diag([1, 1.2, 1.5, 1])), path)
    _spoil_file(path, None, rng)


def _itk(packed: bool, header: int | None) -> Callable[[Path, random.Random], None]:
    def write(path: Path, rng: random.Random) -> None:
        sitk.WriteImage(itk_image(), str(path), useCompression=packed)
        end = path.read_bytes().find(b"\n\n") if path.suffix == ".nrrd" else header
        _spoil_file(path, end, rng)

    return write


def _dicom(path: Path, rng: random.Random) -> None:
    _spoil_file(rng.choice(write_series(path)), DICOM_HEADER, rng)


KINDS: dict[str, tuple[str, Callable[[Path, random.Random], None]]] = {
    "nifti": (".nii", _nifti),
    "nifti in gzip": (".nii.gz", _nifti_in_gzip),
    "gzip": (".nii.gz", _gzip),
    "nrrd": (".nrrd", _itk(False, None)),
    "nrrd packed": (".nrrd", _itk(True, None)),
    "nrrd header": (".nhdr", _itk(False, None)),
    "metaimage": (".mha", _itk(False, META_HEADER)),
    "metaimage packed": (".mha", _itk(True, META_HEADER)),
    "metaimage header": (".mhd", _itk(False, None)),
    "dicom": ("", _dicom),
}


def damaged_images(folder: Path, count: int, seed: int) -> list[Path]:
    """Images with damaged headers, of all kinds in turn, the same ones for a seed."""
    rng, images = random.Random(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        name, (suffix, write) = list(KINDS.items())[index % len(KINDS)]
        path = folder / f"{name.replace(' ', '_')}_{index:03d}{suffix}"
        write(path, rng)
        images.append(path)
    return images
