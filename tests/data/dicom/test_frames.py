"""Frames that are made up: which are one volume, in what order and where, and what is said of those that are not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.frames import Frame, arrange

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def frame(name: str, z: float, **values) -> Frame:
    given = {"uid": name, "size": (6, 5), "position": (1.0, 2.0, z), "orientation": AXIAL, "spacing": (0.8, 0.7)}
    return Frame(Path("ct") / name, **{**given, **values})


def line(count: int = 6, step: float = 2.5, **values) -> list[Frame]:
    return [frame(f"s{index}", step * index, **values) for index in range(count)]


def names(frames) -> list[str]:
    return [item.file.name for item in arrange(frames, "ct", lambda *_: True).frames]


def found(frames) -> list[str]:
    with pytest.raises(DataError) as error:
        arrange(frames, "ct", lambda *_: False)
    return [str(finding) for finding in error.value.findings]


def test_slices_are_ordered_by_their_places_whatever_their_names():
    frames = line()
    stack = arrange([frames[index] for index in (3, 0, 5, 1, 4, 2)], "ct", lambda *_: True)
    assert [item.file.name for item in stack.frames] == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert np.allclose(stack.affine, [[0.7, 0, 0, 1], [0, 0.8, 0, 2], [0, 0, 2.5, 0], [0, 0, 0, 1]])
    assert stack.warnings == ()


def test_slices_along_an_oblique_normal():
    turn = np.linalg.qr(np.random.RandomState(3).normal(size=(3, 3)))[0]
    normal = np.cross(turn[0], turn[1])
    frames = [frame(f"s{i}", 0, orientation=(*turn[0], *turn[1]), position=tuple(5 + 3 * i * normal)) for i in range(4)]
    stack = arrange(frames[::-1], "mr", lambda *_: True)
    assert [item.file.name for item in stack.frames] == ["s0", "s1", "s2", "s3"]
    assert np.allclose(stack.affine[:3, :3], np.column_stack([0.7 * turn[0], 0.8 * turn[1], 3 * normal]))


def test_rounded_positions_and_cosines_are_no_difference():
    rounded = [replace(item, position=(1.0, 2.0, round(0.6667 * i, 2))) for i, item in enumerate(line())]
    turned = [replace(item, orientation=(1, 0.0004 * (i % 2), 0, 0, 1, 0)) for i, item in enumerate(rounded)]
    assert arrange(turned, "ct", lambda *_: True).affine[2, 2] == pytest.approx(0.6667, abs=1e-3)


def test_a_single_slice_is_as_thick_as_it_says():
    assert arrange([frame("a", 3, thickness=4.0)], "ct", lambda *_: True).affine[2, 2] == 4
    (warning,) = arrange([frame("a", 3)], "ct", lambda *_: True).warnings
    assert "1 mm is assumed" in str(warning)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"position": None}, r"ct/s3: does not say where it lies \(ImagePositionPatient\)"),
        ({"orientation": None}, r"ct/s3: does not say how it is turned"),
        ({"orientation": (1, 0, 0, 1, 0, 0)}, r"ct/s3: does not say how it is turned"),
        ({"spacing": None}, r"ct/s3: does not say how large its pixels are"),
        ({"spacing": (0, 1)}, r"ct/s3: does not say how large its pixels are"),
        ({"position": (1, 2, float("nan"))}, r"ct/s3: does not say where it lies"),
        ({"size": (7, 5)}, r"ct/s3: has 7 rows and 5 columns; expected 6 rows and 5 columns as in s0 and 4 more"),
        ({"spacing": (1.5, 1.5)}, r"ct/s3: has pixels of 1.5 x 1.5 mm; expected pixels of 0.8 x 0.7 mm as in s0"),
        ({"orientation": SAGITTAL}, r"ct/s3: has rows along \(0, 1, 0\) and .*; expected rows along \(1, 0, 0\)"),
        ({"orientation": (0.995, 0.0998, 0, -0.0998, 0.995, 0)}, "ct/s3: has rows along"),
        ({"position": (31, 2, 7.5)}, "ct: has slices that do not lie in one line: s[34] is 30 mm beside it"),
        ({"position": (1, 2, 7.9)}, r"ct: has slices that are missing or uneven: 2.1 to 2.9 mm apart \(.* mm from s"),
        ({"position": (1, 2, 5)}, r"ct: has several slices at one place: s2 and s3 at \(1, 2, 5\)"),
        ({"rescaled": False}, r"ct/s3: has no RescaleSlope and RescaleIntercept; expected them as in s0 \(slope 2"),
    ],
)
def test_a_slice_that_does_not_fit_is_named(change: dict, said: str):
    frames = line(rescaled=True, slope=2.0)
    frames[3] = replace(frames[3], **change)
    (finding,) = found(frames)
    assert re.search(said, finding), finding


def test_files_that_do_not_fit_are_listed_together():
    frames = [replace(item, spacing=(2, 2) if index > 3 else (1, 1)) for index, item in enumerate(line(11))]
    assert found(frames) == [
        "ct/s0: has pixels of 1 x 1 mm, as s1, s2, s3; expected pixels of 2 x 2 mm as in s10 and 6 more. "
        "Move what belongs to another series, a localizer for example, out of the folder."
    ]


def test_a_missing_slice_is_said_with_its_neighbours():
    frames = line(8)
    del frames[3]
    (finding,) = found(frames)
    assert "missing or uneven: 2.5 to 5 mm apart (5 mm from s2 to s4, elsewhere 2.5 mm)" in finding


def test_a_tilted_gantry_is_said():
    (finding,) = found([replace(f, position=(1, 0.4 * f.position[2], f.position[2])) for f in line()])
    assert "tilted gantry" in finding


@pytest.mark.parametrize(
    "key",
    ["EchoTime", "TemporalPositionIdentifier", "DiffusionBValue", "ImageType", "TriggerTime", "AcquisitionNumber"],
)
def test_several_volumes_are_told_apart_by_what_differs(key: str):
    frames = [
        frame(f"{value}_{index}", 2.0 * index, attributes={"InstanceNumber": f"{value}{index}", key: value})
        for index in range(4)
        for value in ("10", "20", "30")
    ]
    (finding,) = found(frames)
    assert f"ct: holds 3 volumes, distinguished by {key} (10, 20, 30); expected one. Split" in finding


def test_two_attributes_together_tell_volumes_apart():
    frames = [
        frame(f"{a}{b}{index}", 2.0 * index, attributes={"EchoTime": a, "ImageType": b})
        for index in range(4)
        for a in "12"
        for b in "MP"
    ]
    assert "4 volumes, distinguished by EchoTime and ImageType (1 / M, 1 / P, 2 / M, 2 / P)" in found(frames)[0]


def test_volumes_without_a_common_value_are_told_by_two_slices():
    frames = [
        frame(f"{t}_{index}", 2.0 * index, attributes={"AcquisitionTime": f"10{t}{index}"})
        for index in range(4)
        for t in (0, 1)
    ]
    (finding,) = found(frames)
    assert (
        "several slices at one place: 0_0 and 1_0 at (1, 2, 0). They differ in AcquisitionTime 1000 and 1010."
        in finding
    )


def test_a_film_of_one_slice_is_no_volume():
    frames = [frame(f"t{t}", 0.0, attributes={"TriggerTime": str(t)}) for t in range(7)]
    assert "holds 7 volumes, distinguished by TriggerTime (0, 1, 2, 3, 4, …)" in found(frames)[0]


def test_stacks_of_several_directions_in_one_series():
    frames = [replace(f, attributes={"StackID": "1"}) for f in line(4)]
    frames += [
        frame(f"x{i}", 0, position=(2.0 * i, 0, 0), orientation=SAGITTAL, attributes={"StackID": "2"}) for i in range(4)
    ]
    assert "holds 2 volumes, distinguished by StackID (1, 2)" in found(frames)[0]


def test_volumes_between_one_another_s_slices_are_not_one():
    frames = [replace(f, attributes={"EchoTime": str(i % 2)}) for i, f in enumerate(line(8))]
    assert "holds 2 volumes, distinguished by EchoTime (0, 1)" in found(frames)[0]
    slabs = [replace(f, attributes={"EchoTime": str(i // 4)}) for i, f in enumerate(line(8))]
    (warning,) = arrange(slabs, "ct", lambda *_: True).warnings
    assert "slices of different EchoTime: 0, 1" in str(warning)


def test_a_file_twice_is_taken_once_and_said():
    frames = [*line(), replace(line()[2], file=Path("ct/s2 copy"))]
    stack = arrange(frames, "ct", lambda *_: True)
    assert [item.file.name for item in stack.frames][2:4] in (["s2", "s3"], ["s2 copy", "s3"])
    assert len(stack.frames) == 6
    (warning,) = stack.warnings
    assert "is a file twice: s2 copy and ct/s2 are the same image" in str(warning)
    (finding,) = found(frames)
    assert "Both have the same SOPInstanceUID, but not the same pixels" in finding


def test_slices_that_share_a_uid_but_lie_elsewhere_are_slices():
    stack = arrange(line(uid="1.2.3"), "ct", lambda *_: True)
    assert len(stack.frames) == 6
    (warning,) = stack.warnings
    assert "has the SOPInstanceUID of ct/s0 but lies elsewhere; both were taken as slices; 4 other files" in str(
        warning
    )
