"""NRRD and MetaImage: what is damaged is named with what was expected and found; what is sound is read."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from monai_mobileunet.data import DataError, Finding, read_volume

SHAPE = (12, 13, 14)
VALUES = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)
BYTES = VALUES.transpose().tobytes()
NRRD = """NRRD0004
# made by hand
type: short
dimension: 3
space: left-posterior-superior
sizes: 12 13 14
space directions: (1,0,0) (0,1,0) (0,0,1)
endian: little
encoding: raw
space origin: (0,0,0)
about:=key and value
"""
META = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = 0 0 0
ElementSpacing = 1 1 1
DimSize = 12 13 14
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""
ZLIB = zlib.compress(BYTES)
PACKED = META.replace(
    "BinaryData = True", f"BinaryData = True\nCompressedData = True\nCompressedDataSize = {len(ZLIB)}"
)
GZIPPED = NRRD.replace("raw", "gzip")


def written(path: Path, head: str, values: bytes = b"", **others: bytes) -> Path:
    end = "\n" if path.suffix == ".nrrd" else ""
    path.write_bytes((head + end).encode() + values)
    for name, content in others.items():
        (path.parent / f"{name}.bin").write_bytes(content)
    return path


def problem(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_volume(path)
    (finding,) = error.value.findings
    assert str(path) in finding.path
    assert finding.remedy
    return finding.problem


SOUND = {
    "raw.nrrd": (NRRD, BYTES),
    "gzip.nrrd": (GZIPPED, gzip.compress(BYTES)),
    "two_members.nrrd": (GZIPPED, gzip.compress(BYTES[:1000]) + gzip.compress(BYTES[1000:])),
    "hex.nrrd": (NRRD.replace("raw", "hex"), BYTES.hex().encode()),
    "text.nrrd": (NRRD.replace("raw", "ascii"), " ".join(map(str, VALUES.ravel("F"))).encode()),
    "skip.nrrd": (NRRD + "byte skip: 7\n", b"1234567" + BYTES),
    "last.nrrd": (NRRD + "byte skip: -1\n", b"whatever" + BYTES),
    "line.nrrd": (NRRD + "line skip: 1\n", b"a line\n" + BYTES),
    "detached.nhdr": (NRRD + "data file: a.bin\n", b""),
    "list.nhdr": (NRRD + "data file: LIST\n" + "\n".join(f"s{i}.bin" for i in range(14)) + "\n", b""),
    "pattern.nhdr": (NRRD + "data file: s%d.bin 0 13 1\n", b""),
    "raw.mha": (META, BYTES),
    "zlib.mha": (PACKED, ZLIB),
    "gzip.mha": (PACKED.replace(f"= {len(ZLIB)}", f"= {len(gzip.compress(BYTES))}"), gzip.compress(BYTES)),
    "detached.mhd": (META.replace("LOCAL", "a.bin"), b""),
    "list.mhd": (META.replace("LOCAL", "LIST\n" + "\n".join(f"s{i}.bin" for i in range(14))), b""),
    "pattern.mhd": (META.replace("LOCAL", "s%d.bin 0 13 1"), b""),
    "last.mhd": (META.replace("ElementType", "HeaderSize = -1\nElementType").replace("LOCAL", "d.bin"), b""),
    "packed.mhd": (PACKED.replace("LOCAL", "e.bin"), b""),
    "unsized.mhd": (PACKED.replace("LOCAL", "e.bin").replace(f"CompressedDataSize = {len(ZLIB)}\n", ""), b""),
}
SLICES = {f"s{i}": VALUES[:, :, i].tobytes("F") for i in range(SHAPE[2])}
PARTS = {"a": BYTES, "b": BYTES[:2184], "d": b"head" + BYTES, "e": ZLIB, **SLICES}


@pytest.mark.parametrize("name", SOUND)
def test_whatever_the_formats_allow_is_read(tmp_path: Path, name: str):
    volume = read_volume(written(tmp_path / name, *SOUND[name], **PARTS))
    assert np.array_equal(volume.values, VALUES)
    assert volume.warnings == ()


def test_a_data_file_may_lie_elsewhere(tmp_path: Path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.bin").write_bytes(BYTES)
    for path in ("far/a.bin", tmp_path / "far" / "a.bin"):
        volume = read_volume(written(tmp_path / "x.nhdr", NRRD + f"data file: {path}\n"))
        assert np.array_equal(volume.values, VALUES)


def spoiled(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 4
    return bytes(changed)


DAMAGED = {
    "empty.nrrd": ("", b"", "starts with '\\n'; expected an NRRD header"),
    "note.nrrd": ("hello world", b"", "starts with 'hello world\\n'; expected an NRRD header, 'NRRD0004'"),
    "note.mha": ("hello world", b"", "has the line 'hello world' in its header; expected 'NAME = VALUE'"),
    "short.nrrd": (NRRD, BYTES[:-100], "promises 12×13×14 values of type short, 4,368 bytes; found 4,268 bytes"),
    "short.mha": (META, BYTES[:-100], "promises 12×13×14 values of type MET_SHORT, 4,368 bytes; found 4,268 bytes"),
    "cut.nrrd": (GZIPPED, gzip.compress(BYTES)[:2000], "packed data are damaged (they end before their end mark)"),
    "cut.mha": (PACKED, ZLIB[:2000], "packed data are damaged (they end before their end mark)"),
    "less.nrrd": (GZIPPED, gzip.compress(BYTES[:-8]), "4,368 bytes; found 4,360 bytes once unpacked"),
    "bit.nrrd": (GZIPPED, spoiled(gzip.compress(BYTES, 0), 700), "incorrect data check"),
    "bit.mha": (PACKED, spoiled(ZLIB, 1500), "its packed data are damaged"),
    "sum.mha": (PACKED, spoiled(ZLIB, len(ZLIB) - 1), "incorrect data check"),
    "taken.mha": (PACKED.replace(f"= {len(ZLIB)}", "= 99"), ZLIB, "says CompressedDataSize 99; its packed values take"),
    "untaken.mha": (PACKED.replace(f"CompressedDataSize = {len(ZLIB)}\n", ""), ZLIB, "says CompressedDataSize 0"),
    "huge.nrrd": (NRRD.replace("12 13 14", "12000 13000 14000"), BYTES, "4,368,000,000,000 bytes; found 4,368 bytes"),
    "huge.mha": (META.replace("12 13 14", "12000 13000 14000"), BYTES, "4,368,000,000,000 bytes; found 4,368 bytes"),
    "bomb.nrrd": (GZIPPED.replace("12 13", "12000 13000"), gzip.compress(BYTES), "bytes of zlib"),
    "text.nrrd": (NRRD.replace("raw", "ascii"), b"1 2 3", "found 5 bytes of text"),
    "gone.nhdr": (NRRD + "data file: gone.raw\n", b"", "gone.raw, which does not exist"),
    "gone.mhd": (META.replace("LOCAL", "gone.zraw"), b"", "gone.zraw, which does not exist"),
    "list.nhdr": (NRRD + "data file: LIST\nb.bin\ngone.bin\n", b"", "gone.bin, which does not exist"),
    "short.mhd": (META.replace("LOCAL", "b.bin"), b"", "4,368 bytes; found 2,184 bytes"),
    "nowhere.nhdr": (NRRD, b"", "names no 'data file'"),
    "bzip2.nrrd": (NRRD.replace("raw", "bzip2"), BYTES, "has the encoding 'bzip2'; expected raw, gzip, hex or text"),
    "type.nrrd": (
        NRRD.replace("short", "quaternion"),
        BYTES,
        "values of type 'quaternion'; expected integers",
    ),
    "type.mha": (META.replace("MET_SHORT", "MET_FOO"), BYTES, "values of type 'MET_FOO'; expected integers or floats"),
    "sizes.nrrd": (NRRD.replace("12 13 14", "12 13"), BYTES, "has 2 sizes (12 13) for 3 dimensions"),
    "sizes.mha": (
        META.replace("12 13 14", "12 -13 14"),
        BYTES,
        "has DimSize '12 -13 14'; expected whole numbers",
    ),
    "less_said.nrrd": (NRRD.replace("type: short\n", ""), BYTES, "has a header without type"),
    "less_said.mha": (META.replace("DimSize = 12 13 14\n", ""), BYTES, "has a header without DimSize"),
    "vector.nrrd": (NRRD.replace("(0,1,0)", "(0,1)"), BYTES, "its header promises 12×13×14 values of type short"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_named_with_what_was_expected_and_found(tmp_path: Path, name: str):
    head, values, words = DAMAGED[name]
    found = problem(written(tmp_path / name, head + ("" if values or "\n" in head else "\n"), values, **PARTS))
    assert words in found
    assert "Reason" not in found
    assert "()" not in found
    assert "0x" not in found


def test_an_empty_file_says_so(tmp_path: Path):
    for suffix in (".nrrd", ".nhdr", ".mha", ".mhd"):
        (tmp_path / f"x{suffix}").write_bytes(b"")
        assert problem(tmp_path / f"x{suffix}") == "is empty (0 bytes)."


@pytest.mark.parametrize(
    ("name", "head", "values"),
    [
        ("x.nrrd", NRRD.replace("12 13 14", "12 13 7"), BYTES),
        ("x.nrrd", GZIPPED.replace("12 13 14", "12 13 7"), gzip.compress(BYTES)),
        ("x.mha", META.replace("MET_SHORT", "MET_CHAR"), BYTES),
    ],
)
def test_values_that_the_header_does_not_speak_of_are_told(tmp_path: Path, name: str, head: str, values: bytes):
    (warning,) = read_volume(written(tmp_path / name, head, values)).warnings
    assert "has 4,368 bytes of values; its header promises" in warning.problem


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("packed", [False, True])
def test_headers_damaged_at_random_give_a_finding_or_the_volume(tmp_path: Path, suffix: str, packed: bool):
    """Nothing but a DataError, and never other values in silence."""
    chance = random.Random(7)
    sitk.WriteImage(sitk.GetImageFromArray(VALUES.transpose().copy()), str(tmp_path / f"x{suffix}"), packed)
    sound = (tmp_path / f"x{suffix}").read_bytes()
    end = sound.index(b"\n\n") + 2 if suffix == ".nrrd" else sound.index(b"LOCAL") + 6
    found: list[Finding] = []
    for _ in range(80):
        content = bytearray(sound)
        for _ in range(chance.choice([1, 2, 5])):
            content[chance.randrange(end)] = chance.randrange(256)
        (tmp_path / f"y{suffix}").write_bytes(content)
        try:
            volume = read_volume(tmp_path / f"y{suffix}")
        except DataError as error:
            found += error.findings
            continue
        assert volume.warnings or np.array_equal(volume.values, VALUES)
    assert len(found) > 10
    assert all(finding.remedy for finding in found)
