"""Faults of people's data sets, each planted into a made one: `mobileunet plan` names the file and the remedy."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.planning import probe

SHAPE = (20, 18, 12)
LEFT, RIGHT = 1, 2
NAMES = {"background": 0, "left kidney": LEFT, "right kidney": RIGHT}
CASES = 24


Plant = Callable[[Path, Path, Path], Any]
"""Puts a fault into the data set, given its folder, and the image and the label of the case that is to have it."""


def image(root: Path, number: int = 3, channel: int = 0) -> Path:
    return root / "imagesTr" / f"p{number:02d}_{channel:04d}.nii.gz"


def label(root: Path, number: int = 3) -> Path:
    return root / "labelsTr" / f"p{number:02d}.nii.gz"


def describe(root: Path, **changes: Any) -> None:
    content = {"channel_names": {"0": "T1"}, "labels": NAMES, "file_ending": ".nii.gz", **changes}
    (root / "dataset.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small volumes of MRI with a left and a right kidney, as nnU-Net stores them."""
    root = tmp_path_factory.mktemp("sound") / "kidneys"
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    random = np.random.default_rng(17)
    for number in range(1, CASES + 1):
        values = random.integers(100, 400, SHAPE).astype(np.int16)
        numbers = np.zeros(SHAPE, np.uint8)
        numbers[2:8, 5:13, 2:10], numbers[12:18, 5:13, 2:10] = LEFT, RIGHT
        affine = np.diag([2.0, 2.0, 3.0, 1.0])
        affine[:3, 3] = random.uniform(-30, 30, 3).round(1)
        nibabel.save(nibabel.Nifti1Image(values, affine), image(root, number))
        nibabel.save(nibabel.Nifti1Image(numbers, affine), label(root, number))
    describe(root)
    return root


def rewrite(path: Path, change: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """Store a volume anew whose values or affine are changed, in place or by returning others."""
    old = nibabel.load(path)
    values, affine = np.asarray(old.dataobj).copy(), old.affine.copy()
    changed = change(values, affine)
    nibabel.save(nibabel.Nifti1Image(values if changed is None else changed, affine), path)


def put(path: Path, value: float, kind: type = np.float32) -> None:
    """One voxel with another value."""

    def change(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
        values = values.astype(kind)
        values[5, 5, 5] = value
        return values

    rewrite(path, change)


def renumber(root: Path, numbers: dict[int, int]) -> None:
    """Other values for the class numbers of all labels."""
    for number in range(1, CASES + 1):
        exchange(label(root, number), numbers)


def exchange(path: Path, numbers: dict[int, int]) -> None:
    table = np.array([numbers.get(value, value) for value in range(3)], np.uint8)
    rewrite(path, lambda values, _: table[values])


def times_ten(values: np.ndarray, affine: np.ndarray) -> None:
    affine[:3, :3] *= 10


def sheared(values: np.ndarray, affine: np.ndarray) -> None:
    affine[0, 1] = 1.2


def moved(values: np.ndarray, affine: np.ndarray) -> None:
    affine[2, 3] += 99


def flipped(values: np.ndarray, affine: np.ndarray) -> None:
    affine[0, 3] += affine[0, 0] * (values.shape[0] - 1)
    affine[0, 0] *= -1


def like_ct(values: np.ndarray, affine: np.ndarray) -> None:
    values -= 200
    values[0], values[1] = -1024, 1500


def header_edit(*paths: Path, **fields: Any) -> None:
    """Bytes in headers as no library would write them."""
    for path in paths:
        content = bytearray(gzip.decompress(path.read_bytes()))
        header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
        for name, value in {"sform_code": 0, **fields}.items():
            header[name] = value
        content[:348] = header.binaryblock
        path.write_bytes(gzip.compress(bytes(content)))


def both(image: Path, label: Path, change: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    for path in (image, label):
        rewrite(path, change)


def colours(path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, kind), nibabel.load(path).affine), path)


def pairs(root: Path, number: int = CASES) -> list[dict[str, str]]:
    return [
        {"image": f"imagesTr/{image(root, n).name}", "label": f"labelsTr/{label(root, n).name}"}
        for n in range(1, number + 1)
    ]


def second_channel(root: Path, but: int | None = None) -> None:
    describe(root, channel_names={"0": "T1", "1": "T2"})
    for number in range(1, CASES + 1):
        if number != but:
            shutil.copy(image(root, number), image(root, number, 1))
            rewrite(image(root, number, 1), lambda values, _: values[::-1].copy())


def keep(root: Path, few: int) -> None:
    for number in range(few + 1, CASES + 1):
        label(root, number).unlink()
        image(root, number).unlink()


def visits_of_one_patient(root: Path) -> None:
    for number in range(1, CASES + 1):
        for path, suffix in ((image(root, number), "_0000"), (label(root, number), "")):
            patient, visit = divmod(number - 1, 2)
            path.rename(path.with_name(f"patient{patient:02d}_visit{visit}{suffix}.nii.gz"))
    names = [f"patient{n // 2:02d}_visit{n % 2}" for n in range(CASES)]
    (root / "splits_final.json").write_text(json.dumps([{"train": names[:7], "val": names[7:]}]))


@dataclass(frozen=True)
class Fault:
    """A fault of a data set.

    Attributes:
        plant: puts it there.
        words: that the sentence about it has; ``IMAGE``, ``LABEL`` and ``CASE`` stand for the names of the case's.
        stops: whether nothing can be planned with it; otherwise it is warned of, and the plan is written.
    """

    plant: Plant
    words: tuple[str, ...]
    stops: bool = True


OF_ONE_CASE = {
    "truncated archive": Fault(
        lambda _, i, m: i.write_bytes(i.read_bytes()[:-200]), ("IMAGE", "cannot be read", "intact copy")
    ),
    "empty file": Fault(lambda _, i, m: i.write_bytes(b""), ("IMAGE", "is empty (0 bytes)", "intact copy")),
    "text under an image's name": Fault(
        lambda _, i, m: i.write_text("version https://git-lfs.github.com/spec/v1"), ("IMAGE", "is not compressed")
    ),
    "dangling link": Fault(
        lambda _, i, m: (i.unlink(), i.symlink_to("gone.nii.gz")), ("IMAGE", "is a link to", "gone.nii.gz", "Restore")
    ),
    "NaN": Fault(lambda _, i, m: put(i, np.nan), ("IMAGE", "1 voxel that is NaN", "Replace")),
    "infinity": Fault(lambda _, i, m: put(i, np.inf), ("IMAGE", "1 voxel ", "infinite", "Replace")),
    "label of another shape": Fault(
        lambda _, i, m: rewrite(m, lambda v, _: v[:, :, :-1]), ("LABEL", "(20, 18, 11)", "(20, 18, 12)", "Resample")
    ),
    "label elsewhere": Fault(lambda _, i, m: rewrite(m, moved), ("LABEL", "lies elsewhere than its image", "Resample")),
    "label flipped": Fault(lambda _, i, m: rewrite(m, flipped), ("LABEL", "lies elsewhere than its image", "Resample")),
    "label of another case": Fault(
        lambda r, i, m: shutil.copy(label(r, CASES), m), ("LABEL", "lies elsewhere than its image")
    ),
    "value beyond the classes": Fault(
        lambda _, i, m: put(m, 7, np.uint8), ("LABEL", "label values 7; expected 0 to 2", "Correct")
    ),
    "fraction in a label": Fault(lambda _, i, m: put(m, 0.4), ("LABEL", "label values 0.4", "nearest neighbours")),
    "negative label": Fault(lambda _, i, m: put(m, -1, np.int16), ("LABEL", "label values -1; expected 0 to 2")),
    "time series among volumes": Fault(
        lambda _, i, m: rewrite(i, lambda v, _: np.stack([v] * 4, -1)), ("IMAGE", "has 4 channels", "cases have 1")
    ),
    "colours": Fault(lambda _, i, m: colours(i), ("IMAGE", "holds colours", "Export intensities")),
    "complex numbers": Fault(
        lambda _, i, m: rewrite(i, lambda v, _: v.astype(np.complex64)), ("IMAGE", "complex numbers", "Export")
    ),
    "label in the place of the image": Fault(
        lambda _, i, m: shutil.copy(m, i), ("IMAGE", "same values as the label", "LABEL", "Put the image")
    ),
    "fill value": Fault(lambda _, i, m: put(i, 1e38), ("IMAGE", "1 voxel ", "fill", "1e+38", "Look"), stops=False),
    "integers at their limit": Fault(
        lambda _, i, m: put(i, np.iinfo(np.int32).min, np.int32), ("IMAGE", "fill", "Look"), stops=False
    ),
    "all zero": Fault(
        lambda _, i, m: rewrite(i, lambda v, _: v * 0), ("IMAGE", "the value 0 in every voxel", "Look"), stops=False
    ),
    "constant": Fault(
        lambda _, i, m: rewrite(i, lambda v, _: v * 0 + 7), ("IMAGE", "the value 7 in every voxel"), stops=False
    ),
    "same image under two names": Fault(
        lambda r, i, m: (shutil.copy(i, image(r, CASES)), shutil.copy(m, label(r, CASES))),
        (f"p{CASES:02d}_0000.nii.gz", "has the content of", "IMAGE", "Remove one"),
        stops=False,
    ),
    "label without any class": Fault(
        lambda _, i, m: rewrite(m, lambda v, _: v * 0),
        ("CASE", "nothing but background", "--leave-out CASE"),
        stops=False,
    ),
    "class in one case alone": Fault(
        lambda r, i, m: (describe(r, labels={**NAMES, "cyst": 3}), put(m, 3, np.uint8)),
        ("cyst is in 1 of 24 cases (CASE)",),
        stops=False,
    ),
    "spacing ten times as large": Fault(
        lambda _, i, m: both(i, m, times_ten), ("CASE", "30 mm foot-head, 3 mm in the median case"), stops=False
    ),
    "spacing of zero": Fault(
        lambda _, i, m: header_edit(i, m, pixdim=[1, 0, 2, 3, 1, 1, 1, 1], qform_code=0),
        ("IMAGE", "pixdim[1] = 0", "Set pixdim[1]"),
        stops=False,
    ),
    "negative spacing": Fault(
        lambda _, i, m: header_edit(i, m, pixdim=[1, -2, 2, 3, 1, 1, 1, 1]),
        ("IMAGE", "pixdim[1] = -2", "Set pixdim[1]"),
        stops=False,
    ),
    "sheared axes": Fault(lambda _, i, m: both(i, m, sheared), ("IMAGE", "expected right angles"), stops=False),
    "left and right exchanged": Fault(
        lambda _, i, m: exchange(m, {1: 2, 2: 1}),
        ("left kidney lies to the right of right kidney", "CASE"),
        stops=False,
    ),
    "CT among MRI": Fault(lambda _, i, m: rewrite(i, like_ct), ("CASE", "like CT", "--leave-out CASE"), stops=False),
}
"""Faults that a data set may have together, each in a case of its own."""

OF_THE_SET = {
    "missing label": Fault(lambda _, i, m: m.unlink(), ("IMAGE", "image without a label", "Add labelsTr/CASE.nii.gz")),
    "missing image": Fault(
        lambda _, i, m: i.unlink(), ("LABEL", "label without an image", "Add imagesTr/CASE_0000.nii.gz")
    ),
    "orphan label": Fault(
        lambda r, i, m: shutil.copy(m, label(r, 77)), ("p77.nii.gz", "label without an image", "move the label away")
    ),
    "missing second channel": Fault(lambda r, i, m: second_channel(r, but=1), ("IMAGE", "has 1 channel", "have 2")),
    "channels on two grids": Fault(
        lambda r, i, m: (second_channel(r), rewrite(image(r, 1, 1), moved)),
        ("CASE_0001.nii.gz", "has another affine", "IMAGE", "Resample"),
    ),
    "no label has a class": Fault(
        lambda r, i, m: renumber(r, {1: 0, 2: 0}), ("labelsTr", "no label has any class", "exported with their values")
    ),
    "a class that no label has": Fault(
        lambda r, i, m: describe(r, labels={**NAMES, "cyst": 3}),
        ("labelsTr", "class 3 (cyst)", "Add cases"),
        stops=False,
    ),
    "gaps in the class numbers": Fault(
        lambda r, i, m: (describe(r, labels={"background": 0}), renumber(r, {2: 7})),
        ("labelsTr", "hold 0, 1, 7", "--map 1=1,7=2", "--write"),
    ),
    "vertebrae without a description": Fault(
        lambda r, i, m: ((r / "dataset.json").unlink(), renumber(r, {1: 20, 2: 24})),
        ("labelsTr", "hold 0, 20, 24", "--num-classes 3 --map 20=1,24=2", "--write"),
    ),
    "class numbers that begin at 2": Fault(
        lambda r, i, m: describe(r, labels={"background": 0, "left kidney": 2, "right kidney": 3}),
        ("dataset.json", "numbers its classes 2, 3", "--map 2=1,3=2 --write"),
    ),
    "names of classes that are none": Fault(
        lambda r, i, m: describe(r, labels={"background": "zero", "kidney": "one"}),
        ("dataset.json", "names no classes 1, 2", '{"1": "liver"}'),
    ),
    "not JSON": Fault(
        lambda r, i, m: (r / "dataset.json").write_text('{"labels": {"1": "a",}'),
        ("dataset.json", "not valid JSON", "line 1"),
    ),
    "a wrong count": Fault(
        lambda r, i, m: describe(r, training=pairs(r, 23), numTraining=24),
        ("dataset.json", "numTraining 24", "23 pairs"),
        stops=False,
    ),
    "wrong paths": Fault(
        lambda r, i, m: describe(
            r, training=[*pairs(r), {"image": "imagesTr\\p.nii.gz", "label": "labelsTr/p03.nii.gz"}]
        ),
        ("imagesTr\\p.nii.gz", "listed in dataset.json, but missing", "Write / for"),
    ),
    "listed twice": Fault(
        lambda r, i, m: describe(r, training=[*pairs(r), pairs(r)[0]]), ("IMAGE", "listed twice", "Remove one")
    ),
    "folds of unknown cases": Fault(
        lambda r, i, m: (r / "splits_final.json").write_text(json.dumps([{"train": ["p01"], "val": ["p99"]}])),
        ("splits_final.json", "cases that do not exist: p99", "Correct the names"),
    ),
    "a patient on both sides": Fault(
        lambda r, i, m: visits_of_one_patient(r),
        ("splits_final.json", "1 subject on both sides of fold 0", "patient03_visit1 validates"),
        stops=False,
    ),
    "one subject": Fault(lambda r, i, m: keep(r, 1), ("kidneys", "1 case of 1 subject", "Add cases")),
    "two cases": Fault(lambda r, i, m: keep(r, 2), ("There are 2 subjects", "uncertain"), stops=False),
}
"""Faults that a data set has alone."""


@pytest.fixture(autouse=True)
def _untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "measure_costs", lambda *_: {})


def planned(root: Path, stops: bool) -> list[str]:
    """The lines that planning a bundle prints; nothing of one is written where it stops."""
    bundle = root.parent / "bundle"
    result = CliRunner().invoke(app, ["plan", str(root), "-o", str(bundle)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == int(stops), result.output
    assert bundle.exists() is not stops
    return result.output.splitlines()


def unsaid(fault: Fault, lines: list[str], case: str) -> bool:
    """Whether no line has all words about a fault."""
    words = list(fault.words)
    for stand_in, name in (("IMAGE", f"{case}_0000.nii.gz"), ("LABEL", f"{case}.nii.gz"), ("CASE", case)):
        words = [word.replace(stand_in, name) for word in words]
    return not any(all(word in line for word in words) for line in lines)


@pytest.mark.parametrize("stops", [True, False])
def test_faults_of_cases_are_all_named_at_once_with_file_and_remedy(stops: bool, sound: Path, tmp_path: Path):
    root = shutil.copytree(sound, tmp_path / "kidneys")
    faults = {name: fault for name, fault in OF_ONE_CASE.items() if fault.stops is stops}
    for case, fault in zip(count(1), faults.values()):
        fault.plant(root, image(root, case), label(root, case))
    lines = planned(root, stops)
    missing = [name for case, (name, fault) in enumerate(faults.items(), 1) if unsaid(fault, lines, f"p{case:02d}")]
    assert not missing, "\n".join(lines)


@pytest.mark.parametrize("name", OF_THE_SET)
def test_a_fault_of_the_set_is_named_with_its_file_and_its_remedy(name: str, sound: Path, tmp_path: Path):
    root, fault = shutil.copytree(sound, tmp_path / "kidneys"), OF_THE_SET[name]
    fault.plant(root, image(root, 1), label(root, 1))
    lines = planned(root, fault.stops)
    assert not unsaid(fault, lines, "p01"), "\n".join(lines)


def test_a_sound_data_set_has_none_of_them(sound: Path, tmp_path: Path):
    root = shutil.copytree(sound, tmp_path / "kidneys")
    (root / "dataset.json").write_text((root / "dataset.json").read_text(), encoding="utf-8-sig")
    output = "\n".join(planned(root, stops=False)).replace("warning: This machine is busy", "")
    assert "error" not in output
    assert "warning" not in output
