"""Faults of people's data sets, each planted into a made one: `mobileunet plan` names the file and the remedy."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from monai_mobileunet.cli import app
from monai_mobileunet.planning import probe
from monai_mobileunet.planning.rules import Costs

SHAPE = (20, 18, 12)
LEFT, RIGHT = 1, 2
NAMES = {"background": 0, "left kidney": LEFT, "right kidney": RIGHT}
CASES = 12


def image(root: Path, number: int = 3, channel: int = 0) -> Path:
    return root / "imagesTr" / f"p{number:02d}_{channel:04d}.nii.gz"


def label(root: Path, number: int = 3) -> Path:
    return root / "labelsTr" / f"p{number:02d}.nii.gz"


def describe(root: Path, **changes: Any) -> None:
    content = {"channel_names": {"0": "T1"}, "labels": NAMES, "file_ending": ".nii.gz", **changes}
    (root / "dataset.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small volumes of MRI with a left and a right kidney, as nnU-Net stores them."""
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
    values = values if changed is None else changed
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def with_value(path: Path, value: float, kind: type = np.float32, where: tuple = (5, 5, 5)) -> None:
    def change(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
        values = values.astype(kind)
        values[where] = value
        return values

    rewrite(path, change)


def with_numbers(root: Path, numbers: dict[int, int], cases: range = range(1, CASES + 1)) -> None:
    """Other values for the class numbers of some labels."""
    table = np.array([numbers.get(value, value) for value in range(3)], np.uint8)
    for number in cases:
        rewrite(label(root, number), lambda values, _: table[values])


def with_affine(path: Path, *edits: tuple[tuple[int, int], float]) -> None:
    def change(values: np.ndarray, affine: np.ndarray) -> None:
        for place, value in edits:
            affine[place] = value

    rewrite(path, change)


def both(root: Path, number: int, change: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    for path in (image(root, number), label(root, number)):
        rewrite(path, change)


def times_ten(values: np.ndarray, affine: np.ndarray) -> None:
    affine[:3, :3] *= 10


def sheared(values: np.ndarray, affine: np.ndarray) -> None:
    affine[0, 1] = 1.2


def header_edit(root: Path, **fields: Any) -> None:
    """Bytes in the headers of a case as no library would write them."""
    for path in (image(root), label(root)):
        content = bytearray(gzip.decompress(path.read_bytes()))
        header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
        for name, value in {"sform_code": 0, **fields}.items():
            header[name] = value
        content[:348] = header.binaryblock
        path.write_bytes(gzip.compress(bytes(content)))


def pairs(root: Path, count: int = CASES) -> list[dict[str, str]]:
    return [
        {"image": f"imagesTr/{image(root, n).name}", "label": f"labelsTr/{label(root, n).name}"}
        for n in range(1, count + 1)
    ]


def truncated(root: Path) -> None:
    image(root).write_bytes(image(root).read_bytes()[:-200])


def flipped(root: Path) -> None:
    def change(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
        affine[0, 3] += affine[0, 0] * (values.shape[0] - 1)
        affine[0, 0] *= -1
        return values

    rewrite(label(root), change)


def second_channel(root: Path, but: int | None = None) -> None:
    describe(root, channel_names={"0": "T1", "1": "T2"})
    for number in range(1, CASES + 1):
        if number != but:
            rewrite_copy(image(root, number), image(root, number, 1))


def rewrite_copy(path: Path, target: Path) -> None:
    shutil.copy(path, target)
    rewrite(target, lambda values, _: values[::-1].copy())


def second_channel_off_grid(root: Path) -> None:
    second_channel(root)
    with_affine(image(root, 3, 1), ((0, 3), 77.0))


def time_series(root: Path) -> None:
    rewrite(image(root), lambda values, _: np.stack([values] * 4, -1))


def colours(root: Path) -> None:
    old = nibabel.load(image(root))
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, kind), old.affine), image(root))


def complex_values(root: Path) -> None:
    rewrite(image(root), lambda values, _: values.astype(np.complex64))


def like_ct(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    values = values - 200
    values[0], values[1] = -1024, 1500
    return values


def listed_twice(root: Path) -> None:
    entries = pairs(root)
    describe(root, training=[*entries, entries[2]])


def unlink_labels_but(root: Path, count: int) -> None:
    for number in range(count + 1, CASES + 1):
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
        words: that the sentence about it has, the file's name first.
        stops: whether nothing can be planned with it; otherwise it is warned of, and the plan is written.
    """

    plant: Callable[[Path], Any]
    words: tuple[str, ...]
    stops: bool = True


FAULTS = {
    "missing label": Fault(lambda r: label(r).unlink(), ("p03_0000.nii.gz", "image without a label", "Add")),
    "missing image": Fault(lambda r: image(r).unlink(), ("p03.nii.gz", "label without an image", "Add")),
    "orphan label": Fault(
        lambda r: shutil.copy(label(r), label(r, 77)), ("p77.nii.gz", "label without an image", "move the label away")
    ),
    "truncated archive": Fault(truncated, ("p03_0000.nii.gz", "cannot be read", "intact copy")),
    "empty file": Fault(lambda r: image(r).write_bytes(b""), ("p03_0000.nii.gz", "is empty (0 bytes)", "intact copy")),
    "text under an image's name": Fault(
        lambda r: image(r).write_text("version https://git-lfs.github.com/spec/v1"), ("p03_0000.nii.gz", "compressed")
    ),
    "NaN": Fault(lambda r: with_value(image(r), np.nan), ("p03_0000.nii.gz", "1 voxels that are NaN", "Replace")),
    "infinity": Fault(lambda r: with_value(image(r), np.inf), ("p03_0000.nii.gz", "1 voxels", "infinite", "Replace")),
    "fill value": Fault(
        lambda r: with_value(image(r), 1e38), ("p03_0000.nii.gz", "1 voxels", "fill", "1e+38", "Look"), stops=False
    ),
    "all zero": Fault(
        lambda r: rewrite(image(r), lambda v, _: v * 0), ("p03_0000.nii.gz", "the value 0 in every voxel"), stops=False
    ),
    "constant": Fault(
        lambda r: rewrite(image(r), lambda v, _: v * 0 + 7), ("p03_0000.nii.gz", "the value 7 in every"), stops=False
    ),
    "label of another shape": Fault(
        lambda r: rewrite(label(r), lambda v, _: v[:, :, :-1]),
        ("p03.nii.gz", "(20, 18, 11)", "(20, 18, 12)", "Resample"),
    ),
    "label elsewhere": Fault(
        lambda r: with_affine(label(r), ((2, 3), 99.0)), ("p03.nii.gz", "lies elsewhere than its image", "Resample")
    ),
    "label flipped": Fault(flipped, ("p03.nii.gz", "lies elsewhere than its image", "Resample")),
    "label of another case": Fault(
        lambda r: shutil.copy(label(r, 4), label(r)), ("p03.nii.gz", "lies elsewhere than its image")
    ),
    "same label under two names": Fault(
        lambda r: (shutil.copy(label(r, 4), label(r)), shutil.copy(image(r, 4), image(r))),
        ("p04_0000.nii.gz", "has the content of", "p03_0000.nii.gz", "Remove one"),
        stops=False,
    ),
    "value beyond the classes": Fault(
        lambda r: with_value(label(r), 7, np.uint8), ("p03.nii.gz", "label values 7; expected 0 to 2")
    ),
    "fraction in a label": Fault(
        lambda r: with_value(label(r), 0.4), ("p03.nii.gz", "label values 0.4", "nearest neighbours")
    ),
    "negative label": Fault(
        lambda r: with_value(label(r), -1, np.int16), ("p03.nii.gz", "label values -1; expected 0 to 2")
    ),
    "one label without any class": Fault(
        lambda r: rewrite(label(r), lambda v, _: v * 0),
        ("p03", "1 of 12 labels hold nothing but background", "--leave-out p03"),
        stops=False,
    ),
    "no label has a class": Fault(
        lambda r: with_numbers(r, {1: 0, 2: 0}), ("labelsTr", "no label has any class", "exported with their values")
    ),
    "a class that no label has": Fault(
        lambda r: describe(r, labels={**NAMES, "cyst": 3}), ("labelsTr", "no label has class 3 (cyst)"), stops=False
    ),
    "class in one case alone": Fault(
        lambda r: (describe(r, labels={**NAMES, "cyst": 3}), with_value(label(r), 3, np.uint8)),
        ("p03", "cyst is in 1 of 12 cases"),
        stops=False,
    ),
    "gaps in the class numbers": Fault(
        lambda r: (describe(r, labels={"background": 0}), with_numbers(r, {2: 7})),
        ("labelsTr", "hold 0, 1, 7", "--map 1=1,7=2", "--write"),
    ),
    "vertebrae without a description": Fault(
        lambda r: ((r / "dataset.json").unlink(), with_numbers(r, {1: 20, 2: 24})),
        ("labelsTr", "hold 0, 20, 24", "--num-classes 3 --map 20=1,24=2", "--write"),
    ),
    "listed twice": Fault(listed_twice, ("p03_0000.nii.gz", "listed twice", "Remove one")),
    "time series among volumes": Fault(time_series, ("p03_0000.nii.gz", "has 4 channels", "1")),
    "missing second channel": Fault(lambda r: second_channel(r, but=3), ("p03_0000.nii.gz", "has 1 channels", "2")),
    "channels on two grids": Fault(second_channel_off_grid, ("p03_0001.nii.gz", "affine", "Resample")),
    "spacing ten times as large": Fault(
        lambda r: both(r, 3, times_ten),
        ("p03", "30 mm foot-head, 3 mm in the median case", "--leave-out p03"),
        stops=False,
    ),
    "spacing of zero": Fault(
        lambda r: header_edit(r, pixdim=[1, 0, 2, 3, 1, 1, 1, 1], qform_code=0),
        ("p03_0000.nii.gz", "pixdim[1] = 0", "Set pixdim[1]"),
        stops=False,
    ),
    "negative spacing": Fault(
        lambda r: header_edit(r, pixdim=[1, -2, 2, 3, 1, 1, 1, 1]),
        ("p03_0000.nii.gz", "pixdim[1] = -2", "Set pixdim[1]"),
        stops=False,
    ),
    "sheared axes": Fault(lambda r: both(r, 3, sheared), ("p03_0000.nii.gz", "right angles"), stops=False),
    "left and right exchanged": Fault(
        lambda r: with_numbers(r, {1: 2, 2: 1}, range(3, 4)),
        ("p03", "left kidney lies to the right of right kidney in 1 of 12 cases"),
        stops=False,
    ),
    "CT among MRI": Fault(lambda r: rewrite(image(r), like_ct), ("p03", "like CT", "--leave-out p03"), stops=False),
    "colours": Fault(colours, ("p03_0000.nii.gz", "holds colours", "Export intensities")),
    "complex numbers": Fault(complex_values, ("p03_0000.nii.gz", "holds complex numbers", "Export intensities")),
    "a wrong count": Fault(
        lambda r: describe(r, training=pairs(r, 11), numTraining=12),
        ("dataset.json", "numTraining 12", "11 pairs"),
        stops=False,
    ),
    "wrong paths": Fault(
        lambda r: describe(r, training=[*pairs(r), {"image": "imagesTr\\p.nii.gz", "label": "labelsTr/p03.nii.gz"}]),
        ("imagesTr\\p.nii.gz", "listed in dataset.json, but missing", "Write / for"),
    ),
    "names of classes that are none": Fault(
        lambda r: describe(r, labels={"background": "zero", "kidney": "one"}),
        ("dataset.json", "'labels'", '{"1": "liver"}'),
    ),
    "class numbers that begin at 2": Fault(
        lambda r: describe(r, labels={"background": 0, "left kidney": 2, "right kidney": 3}),
        ("dataset.json", "numbers its classes 2, 3", "--map 2=1,3=2 --write"),
    ),
    "not JSON": Fault(
        lambda r: (r / "dataset.json").write_text('{"labels": {"1": "a",}'),
        ("dataset.json", "not valid JSON", "line 1"),
    ),
    "folds of unknown cases": Fault(
        lambda r: (r / "splits_final.json").write_text(json.dumps([{"train": ["p01"], "val": ["p99"]}])),
        ("splits_final.json", "cases that do not exist: p99", "Correct the names"),
    ),
    "a patient on both sides": Fault(
        visits_of_one_patient,
        ("splits_final.json", "1 subjects on both sides of fold 0", "patient03_visit1 validates"),
        stops=False,
    ),
    "dangling link": Fault(
        lambda r: (image(r).unlink(), image(r).symlink_to(r / "gone.nii.gz")),
        ("p03_0000.nii.gz", "link", "gone.nii.gz"),
    ),
    "one subject": Fault(lambda r: unlink_labels_but(r, 1), ("kidneys", "1 cases of 1 subjects", "Add cases")),
    "two cases": Fault(lambda r: unlink_labels_but(r, 2), ("There are 2 subjects", "uncertain"), stops=False),
    "integers at their limit": Fault(
        lambda r: with_value(image(r), np.iinfo(np.int32).min, np.int32), ("p03_0000.nii.gz", "fill"), stops=False
    ),
    "label in the place of the image": Fault(
        lambda r: shutil.copy(label(r), image(r)), ("p03_0000.nii.gz", "same values as the label", "Put the image")
    ),
}


def planned(root: Path, bundle: Path, *options: str) -> Any:
    result = CliRunner().invoke(app, ["plan", str(root), "-o", str(bundle), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_file_and_its_remedy(
    name: str, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(probe, "measure_costs", lambda *_: Costs(1, 0.1, 0.1, 0.1, 0.1))
    root, bundle, fault = shutil.copytree(sound, tmp_path / "kidneys"), tmp_path / "bundle", FAULTS[name]
    fault.plant(root)
    result = planned(root, bundle)
    lines = [line for line in result.output.splitlines() if all(word in line for word in fault.words)]
    assert lines, result.output
    if fault.stops:
        assert result.exit_code == 1
        assert not bundle.exists()
    else:
        assert result.exit_code == 0, result.output
        assert (bundle / "plan.json").is_file()


def test_a_sound_data_set_has_none_of_them(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probe, "measure_costs", lambda *_: Costs(1, 0.1, 0.1, 0.1, 0.1))
    root = shutil.copytree(sound, tmp_path / "kidneys")
    (root / "dataset.json").write_text((root / "dataset.json").read_text(), encoding="utf-8-sig")
    result = planned(root, tmp_path / "bundle")
    assert result.exit_code == 0
    assert "error" not in result.output
    assert "warning" not in result.output.replace("warning: This machine is busy", "")
