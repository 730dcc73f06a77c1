from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from conftest import ONE_THREAD, segment
from PIL import Image

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseState
from monai_mobileunet.cohort import case_in_hand
from monai_mobileunet.cohort.evaluate import evaluate_cases
from monai_mobileunet.cohort.journal import read_records
from monai_mobileunet.cohort.options import SegmentOptions
from monai_mobileunet.cohort.plan import STATE
from monai_mobileunet.cohort.prepared import prepare_images
from monai_mobileunet.cohort.segment import claim_images, segment_images
from monai_mobileunet.data.dicom.segments.attributes import attributes_of
from monai_mobileunet.data.dicom.segments.terms import segment_classes
from monai_mobileunet.data.label_files import known_colours
from monai_mobileunet.palette import as_hex, colour_of
from monai_mobileunet.segmentation.segmenter import Segmenter


@pytest.fixture
def images(tmp_path: Path, toy_dataset: Path) -> Path:
    """Three images in two folders."""
    folder = tmp_path / "in"
    for index, place in enumerate(("one/a", "one/b", "two/a"), 1):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(toy_dataset / "imagesTr" / f"toy_{index:03d}.nii.gz", folder / f"{place}.nii.gz")
    return folder


def masks(folder: Path) -> dict[str, np.ndarray]:
    found = (path for path in sorted(folder.rglob("*.nii.gz")) if STATE not in path.parts)
    return {path.relative_to(folder).as_posix(): np.asarray(nibabel.load(path).dataobj) for path in found}


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_a_folder_is_segmented_and_reported(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    told = segment("-i", images, "-o", out, "-m", trained)
    assert "3 cases in" in told
    assert "3 done, 0 failed" in told
    assert "Not a medical device" in told
    assert list(masks(out)) == ["one/a.nii.gz", "one/b.nii.gz", "two/a.nii.gz"]
    for name, mask in masks(out).items():
        image = nibabel.load(images / name)
        assert mask.shape == image.shape
        assert mask.dtype == np.uint8
        assert np.array_equal(nibabel.load(out / name).affine, image.affine)
    labels = json.loads((out / "labels.json").read_text())
    assert labels["labels"]["2"] == "posterior"
    assert list(labels["colours"].values()) == list(map(as_hex, Bundle(trained).colours))
    assert '"posterior"' in (out / "labels_itksnap.txt").read_text()

    content = report(out)
    assert (content["version"], content["done"], content["failed"], content["left"]) == (1, 3, 0, 0)
    row = content["cases"][0]
    assert row["volumes_ml"]["anterior"] == pytest.approx((masks(out)[f"{row['case']}.nii.gz"] == 1).sum() / 1000)
    assert set(row["seconds"]) == {"read", "preprocess", "infer", "postprocess", "write"}
    with (out / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [entry["case"] for entry in rows] == ["one/a", "one/b", "two/a"]
    assert float(rows[0]["anterior ml"]) == pytest.approx(row["volumes_ml"]["anterior"], abs=1e-4)
    page = (out / "report.html").read_text()
    assert page.count("data:image/webp;base64,") == 3
    assert "http" not in page.replace("http-equiv", ""), "the page needs no network"
    assert (out / STATE / "run.log").read_text().count("done in") == 3


def test_nothing_is_asked_of_a_network(trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert "3 done, 0 failed" in segment("-i", images, "-o", tmp_path / "out", "-m", trained)


def test_it_needs_nothing_of_the_extras(trained: Path, images: Path, tmp_path: Path):
    """As a plain ``pip install monai_mobileunet`` leaves it: comparisons alone need more, and say what to type."""
    extras = ("scipy", "matplotlib", "tqdm", "tensorboard", "onnxruntime", "openvino", "nilearn")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({extras})); from importlib import util; find = util.find_spec\n"
        f"util.find_spec = lambda name, *more: None if name in {extras} else find(name, *more)\n"
        "from monai_mobileunet.cli import app; app()"
    )
    arguments = ["segment", "-i", str(images / "two"), "-o", str(tmp_path / "out"), "-m", str(trained)]
    process = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(process, capture_output=True, text=True, env=ONE_THREAD)
    assert "1 done, 0 failed" in done.stdout, done.stdout + done.stderr
    done = subprocess.run([*process, "--reference", str(images)], capture_output=True, text=True, env=ONE_THREAD)
    assert done.returncode == 2
    assert "pip install 'monai_mobileunet[evaluate]'" in " ".join(done.stdout.split())


def test_finished_cases_are_left_alone_and_changed_ones_done_again(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    arguments = ("-i", images, "-o", out, "-m", trained)
    segment(*arguments)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}

    assert "3 finished before, 0 to do" in segment(*arguments)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")} == before
    assert report(out)["done"] == 3, "the report tells of all cases, not of the last run's"

    (out / "one" / "b.nii.gz").unlink()
    assert "2 finished before, 1 to do" in segment(*arguments)
    assert len(masks(out)) == 3

    os.utime(images / "two" / "a.nii.gz", (1, 1))
    assert "2 finished before, 1 to do" in segment(*arguments)
    assert "0 finished before, 3 to do" in segment(*arguments, "--no-tta"), "another option"
    assert report(out)["settings"]["mirror_axes"] == []
    weights = trained / "models" / "model.pt"
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert "0 finished before, 3 to do" in segment(*arguments, "--no-tta", "--dry-run"), "another model"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "3 finished before, 0 to do" in segment(*arguments, "--no-tta", "--dry-run")
    assert "0 finished before, 3 to do" in segment(*arguments, "--no-tta", "--dry-run", "--overwrite")
    assert "3 finished before, 0 to do" in segment(*arguments, "--no-tta", "--dry-run", "--batch-size", 3), "as before"


def test_what_no_run_has_written_is_not_replaced(trained: Path, images: Path, tmp_path: Path, toy_dataset: Path):
    out = tmp_path / "out"
    drawn = out / "one" / "a.nii.gz"
    drawn.parent.mkdir(parents=True)
    shutil.copy(toy_dataset / "labelsTr" / "toy_001.nii.gz", drawn)
    before = drawn.read_bytes()
    told = segment("-i", images, "-o", out, "-m", trained, expect=2)
    assert "one/a.nii.gz: is there, and no run has written it" in told
    assert drawn.read_bytes() == before
    assert "1 mask is there that this would replace" in segment("-i", images, "-o", out, "-m", trained, "--dry-run")
    segment("-i", images, "-o", out, "-m", trained, "--overwrite")
    assert drawn.read_bytes() != before
    shutil.copy(toy_dataset / "labelsTr" / "toy_001.nii.gz", drawn)
    assert "it was changed since" in segment("-i", images, "-o", out, "-m", trained, expect=2), "corrected by hand"
    labels = toy_dataset / "labelsTr"
    assert "no run has written it" in segment("-i", toy_dataset / "imagesTr", "-o", labels, "-m", trained, expect=2)
    assert all(path.name.endswith(".nii.gz") for path in labels.iterdir()), "nothing is left in what was refused"


def test_an_overwriting_run_that_ends_early_is_gone_on_with(
    trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arguments = ("-i", images, "-o", tmp_path / "out", "-m", trained)
    segment(*arguments)
    (tmp_path / "out" / "two" / "a.nii.gz").write_bytes(b"by someone")
    full_after(1, monkeypatch)
    assert "without --overwrite goes on from here" in segment(*arguments, "--overwrite", expect=1)
    monkeypatch.undo()
    assert "1 finished before, 2 to do" in segment(*arguments)
    assert len(masks(tmp_path / "out")) == 3


def test_a_second_run_is_refused_and_leaves_the_first_one_s_files_alone(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    first = claim_images(prepare_images(SegmentOptions(images, out, trained)))
    growing = out / STATE / "scratch" / "growing.nii.gz"
    growing.write_bytes(b"half a mask")
    with first.journal:
        assert "another run writes to this folder" in segment("-i", images, "-o", out, "-m", trained, expect=2)
        assert growing.is_file()
    assert "3 done" in segment("-i", images, "-o", out, "-m", trained)


def test_a_bundle_of_the_project_is_known_by_its_name(images: Path, tmp_path: Path):
    told = segment("-i", images, "-o", tmp_path / "out", "-m", "hippocampus_mri_segmentation", "--dry-run")
    assert "hippocampus_mri_segmentation: anterior, posterior" in told
    assert "warning" not in told, "its weights are those that its metadata describe"


def test_a_dry_run_writes_nothing(trained: Path, images: Path, tmp_path: Path):
    told = segment("-i", images, "-o", tmp_path / "out", "-m", trained, "--dry-run")
    assert "→" in told
    assert not (tmp_path / "out").exists()


def test_a_bad_case_is_told_and_stops_no_other(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    (images / "one" / "b.nii.gz").write_bytes(b"")
    spoiled = np.zeros((6, 7, 8), np.float32)
    spoiled[1:] = np.random.default_rng(0).normal(size=(5, 7, 8))
    spoiled[0, 0, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(spoiled, np.eye(4)), images / "c.nii.gz")
    told = segment("-i", images, "-o", out, "-m", trained, expect=1)
    assert "one/b.nii.gz: is empty (0 bytes). Replace it with an intact copy." in told
    assert "3 done, 1 failed, 1 with warnings" in told
    rows = {row["case"]: row for row in report(out)["cases"]}
    assert rows["one/b"]["status"] == "failed"
    assert "1 voxel that is NaN" in rows["c"]["warnings"][0]
    assert "one/b.nii.gz" not in masks(out)

    known = ("--weights", trained / "models" / "model.pt")
    told = segment("-i", images, "-o", out, "-m", trained, *known, "--strict", expect=1)
    assert "3 finished before, 1 to do" in told, "strict decides about new cases"
    strict = segment("-i", images, "-o", tmp_path / "strict", "-m", trained, *known, "--strict", expect=1)
    assert "2 done, 2 failed" in strict
    assert "c.nii.gz" not in masks(tmp_path / "strict")


@pytest.mark.parametrize("num_workers", [0, 3])
def test_threads_change_no_voxel(trained: Path, images: Path, tmp_path: Path, num_workers: int):
    segment("-i", images, "-o", tmp_path / "a", "-m", trained)
    segment("-i", images, "-o", tmp_path / "b", "-m", trained, "--num-workers", num_workers)
    a, b = masks(tmp_path / "a"), masks(tmp_path / "b")
    assert list(a) == list(b)
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_one_file_for_each_class(trained: Path, images: Path, tmp_path: Path):
    segment("-i", images / "one" / "a.nii.gz", "-o", tmp_path / "whole", "-m", trained)
    segment("-i", images / "one" / "a.nii.gz", "-o", tmp_path / "split", "-m", trained, "--split")
    whole, parts = masks(tmp_path / "whole")["a.nii.gz"], masks(tmp_path / "split")
    assert list(parts) == ["a/anterior.nii.gz", "a/posterior.nii.gz"]
    for number, part in enumerate(parts.values(), 1):
        assert np.array_equal(part, whole == number)


def test_references_join_the_report(trained: Path, images: Path, tmp_path: Path, toy_dataset: Path):
    references = tmp_path / "references"
    (references / "one").mkdir(parents=True)
    shutil.copy(toy_dataset / "labelsTr" / "toy_001.nii.gz", references / "one" / "a.nii.gz")
    out = tmp_path / "out"
    segment("-i", images, "-o", out, "-m", trained, "--reference", references)
    rows = {row["case"]: row for row in report(out)["cases"]}
    shown = (out / rows["one/a"]["picture"]).read_bytes()
    assert 0 <= rows["one/a"]["metrics"]["anterior"]["dice"] <= 1
    assert rows["one/b"]["metrics"] == {}
    assert "3 finished before, 0 to do" in segment("-i", images, "-o", out, "-m", trained)
    segment("-i", images, "-o", tmp_path / "parts", "-m", trained, "--split", "--reference", references)
    assert report(tmp_path / "parts")["cases"][0]["metrics"] == rows["one/a"]["metrics"]
    with (out / "report.csv").open() as file:
        assert next(csv.DictReader(file))["anterior dice"]
    empty = np.zeros_like(np.asarray(nibabel.load(references / "one" / "a.nii.gz").dataobj))
    nibabel.save(nibabel.Nifti1Image(empty, np.eye(4)), references / "one" / "a.nii.gz")
    told = segment("-i", images, "-o", out, "-m", trained, "--reference", references)
    assert "3 finished before, 0 to do" in told, "nothing is segmented again for another reference"
    assert report(out)["cases"][0]["metrics"]["anterior"]["dice"] is None
    assert (out / rows["one/a"]["picture"]).read_bytes() != shown, "the other reference is in the picture"
    nibabel.save(nibabel.Nifti1Image(empty[:3, :3, :3], np.eye(4)), references / "one" / "a.nii.gz")
    told = segment("-i", images, "-o", out, "-m", trained, "--reference", references, expect=1)
    assert "is a reference with shape (3, 3, 3)" in told
    assert report(out)["done"] == 3, "the mask is good, whatever the reference"


def test_a_reference_is_of_one_case(trained: Path, images: Path, tmp_path: Path, toy_dataset: Path):
    references = tmp_path / "references"
    references.mkdir()
    shutil.copy(toy_dataset / "labelsTr" / "toy_001.nii.gz", references / "a.nii.gz")
    told = segment("-i", images, "-o", tmp_path / "out", "-m", trained, "--reference", references, expect=2)
    assert "has the same case name as several cases, of one/a and of two/a" in told


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--runtime", "abacus"], "'abacus' is none of torch, torch_bf16"),
        (["--weights", "nowhere.pt"], "no weights"),
        (["--reference", "nowhere"], "no such folder"),
        (["--device", "gpu"], "PyTorch finds no GPU here"),
        (["--device", "cpuu"], "no such device"),
        (["--set", "plnes=[]"], "--set plnes: inference.json has no such entry"),
        (["--set", "slice_infrer#overlap=1"], "has no such entry"),
        (["--set", "network_def#variant=mobileunet_tiny"], "weights of another network"),
        (["--runtime", "openvino_int8"], "openvino_int8"),
    ],
)
def test_what_cannot_be_asked_for_ends_before_the_start(trained: Path, images: Path, tmp_path: Path, arguments, found):
    told = segment("-i", images, "-o", tmp_path / "out", "-m", trained, *arguments, expect=2)
    assert found in told
    assert not (tmp_path / "out").exists()


def test_a_command_that_names_nothing_ends_with_2(trained: Path, images: Path, tmp_path: Path):
    assert "no bundle" in segment("-i", images, "-o", tmp_path / "out", "-m", tmp_path, expect=2)
    assert "Missing option '--bundle' / '-m'" in segment("-i", images, "-o", tmp_path / "out", expect=2)
    assert "no such file" in segment("-i", tmp_path / "x", "-o", tmp_path / "out", "-m", trained, expect=2)
    assert "place of an image" in segment("-i", images, "-o", images, "-m", trained, expect=2)
    (tmp_path / "junk.pt").write_text("no weights")
    junk = ("--weights", tmp_path / "junk.pt")
    assert "cannot be read as weights" in segment("-i", images, "-o", tmp_path / "out", "-m", trained, *junk, expect=2)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "cannot be written to" in segment("-i", images, "-o", blocked, "-m", trained, expect=2)


def test_mirrored_passes_need_an_axis_without_sides(trained: Path, images: Path, tmp_path: Path):
    config = trained / "configs" / "inference.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "tta_axes": [], "mirror_axes": []}))
    assert "names no axis" in segment("-i", images, "-o", tmp_path / "out", "-m", trained, "--tta", expect=2)


def test_weights_that_the_metadata_do_not_describe_are_told(trained: Path, images: Path, tmp_path: Path):
    arguments = ("-i", images, "-o", tmp_path / "out", "-m", trained, "--dry-run")
    assert "warning:" in segment(*arguments)
    assert "not the weights that metadata.json describes" in segment(*arguments, "--strict", expect=2)
    weights = trained / "models" / "model.pt"
    assert "warning:" not in segment(*arguments, "--weights", weights), "named: known"


def full_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for so many masks."""
    write, written = case_in_hand.write_mask, []

    def full(mask, path, *rest):
        if len(written) == count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        write(mask, path, *rest)

    monkeypatch.setattr(case_in_hand, "write_mask", full)


def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(
    trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    full_after(1, monkeypatch)
    arguments = ("-i", images, "-o", tmp_path / "out", "-m", trained)
    told = segment(*arguments, expect=1)
    assert "cannot be written (No space left on device)" in told
    assert "The same command goes on from here" in told
    assert len(masks(tmp_path / "out")) == 1
    assert report(tmp_path / "out")["left"] == 2
    monkeypatch.undo()
    assert "1 finished before, 2 to do" in segment(*arguments)


def test_an_image_that_vanishes_fails_alone(trained: Path, images: Path, tmp_path: Path):
    prepared = prepare_images(SegmentOptions(images, tmp_path / "out", trained))
    (images / "one" / "a.nii.gz").unlink()
    claimed = claim_images(prepared)
    with claimed.journal:
        segment_images(claimed)
    assert [record.name for record in claimed.troubled] == ["one/a"]
    assert "no such file" in claimed.troubled[0].problem
    assert len(masks(tmp_path / "out")) == 2


def test_a_real_full_disk_is_told_even_if_the_report_has_no_room_either(trained: Path, toy_dataset: Path, tmp_path):
    """On a file system of its own that is as small as that."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        told = segment("-i", many(tmp_path / "in", toy_dataset, 40), "-o", disk / "out", "-m", trained, expect=1)
        assert "No space left on device" in told
        assert "The same command goes on from here" in told
        for mask in disk.rglob("*.nii.gz"):
            np.asarray(nibabel.load(mask).dataobj)  # whole
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_image_that_changes_while_it_is_segmented_fails(
    trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    predict = Segmenter.predict

    def meanwhile(self, prepared):
        os.utime(prepared.volume.name, (1, 1))
        return predict(self, prepared)

    monkeypatch.setattr(Segmenter, "predict", meanwhile)
    told = segment("-i", images / "one" / "a.nii.gz", "-o", tmp_path / "out", "-m", trained, expect=1)
    assert "one/a.nii.gz: changed while it was read" in told
    assert not masks(tmp_path / "out")


def test_a_mask_of_an_earlier_image_does_not_stay_in_this_one_s_place(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    segment("-i", images, "-o", out, "-m", trained)
    (images / "one" / "a.nii.gz").write_bytes(b"")
    segment("-i", images, "-o", out, "-m", trained, expect=1)
    assert list(masks(out)) == ["one/b.nii.gz", "two/a.nii.gz"]
    assert (out / STATE / "replaced" / "one" / "a.nii.gz").is_file(), "nothing is lost"


def test_a_run_over_one_image_keeps_the_report_of_the_folder_s_others(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    segment("-i", images, "-o", out, "-m", trained)
    segment("-i", images / "two" / "a.nii.gz", "-o", out, "-m", trained)
    assert [row["case"] for row in report(out)["cases"]] == ["a", "one/a", "one/b", "two/a"]


def test_a_case_in_hand_at_five_ends_of_runs_is_passed_over(trained: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    for _ in range(5):
        claimed = claim_images(prepare_images(SegmentOptions(images, out, trained, num_workers=1)))
        with claimed.journal as journal:
            (known,) = (case for case in claimed.prepared.run.standing.todo if case.name == "one/b")
            journal.write(replace(known, state=CaseState.IN_HAND, attempts=known.attempts + 1))
    told = segment("-i", images, "-o", out, "-m", trained, expect=1)
    assert "was in hand 5 times when a run was killed" in told
    assert list(masks(out)) == ["one/a.nii.gz", "two/a.nii.gz"]
    segment("-i", images, "-o", out, "-m", trained, "--num-workers", 0)
    assert len(masks(out)) == 3, "and tried again by the next run"


def test_names_that_are_no_utf_8_are_no_trouble(trained: Path, toy_dataset: Path, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(toy_dataset / "imagesTr" / "toy_001.nii.gz", os.fsencode(folder) + b"/m\xfcller.nii.gz")
    segment("-i", folder, "-o", tmp_path / "out", "-m", trained)
    assert os.path.exists(os.fsencode(tmp_path / "out") + b"/m\xfcller.nii.gz")
    assert "m\\udcfcller" in (tmp_path / "out" / "report.csv").read_text()


def command(images: Path, out: Path, bundle: Path) -> list[str]:
    arguments = ["segment", "-i", str(images), "-o", str(out), "-m", str(bundle), "--threads", "1"]
    return [sys.executable, "-W", "ignore", "-m", "monai_mobileunet", *arguments]


def many(folder: Path, toy_dataset: Path, count: int) -> Path:
    folder.mkdir()
    sources = sorted((toy_dataset / "imagesTr").iterdir())
    for index in range(count):
        shutil.copy(sources[index % len(sources)], folder / f"case_{index:03d}.nii.gz")
    return folder


def test_a_request_to_end_finishes_what_is_being_written(trained: Path, tmp_path: Path, toy_dataset: Path):
    images, out = many(tmp_path / "in", toy_dataset, 30), tmp_path / "out"
    process = subprocess.Popen(command(images, out, trained), env=ONE_THREAD, stdout=subprocess.PIPE, text=True)
    journal = out / STATE / "journal.jsonl"
    while not (journal.is_file() and journal.read_bytes().count(b"done") > 1):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted. The same command goes on from here" in " ".join(told.split())
    done = report(out)["done"]
    assert 0 < done < 30
    assert report(out)["left"] == 30 - done
    assert len(masks(out)) == done


@pytest.mark.slow
def test_killed_twenty_times_a_run_ends_with_the_masks_of_one_undisturbed(
    trained: Path, tmp_path: Path, toy_dataset: Path
):
    images = many(tmp_path / "in", toy_dataset, 60)
    subprocess.run(command(images, tmp_path / "undisturbed", trained), env=ONE_THREAD, check=True)
    out, rng, lost = tmp_path / "out", np.random.default_rng(0), []
    journal = out / STATE / "journal.jsonl"
    for _ in range(20):
        process = subprocess.Popen(command(images, out, trained), env=ONE_THREAD, stdout=subprocess.DEVNULL)
        lines = journal.read_bytes().count(b"done") if journal.is_file() else 0
        while process.poll() is None and (not journal.is_file() or journal.read_bytes().count(b"done") <= lines):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait()
        whole = masks(out)  # reads every mask to its end
        recorded = sum(record.done for record in read_records(journal).values())
        lost.append(len(whole) - recorded)
    assert max(lost) <= 1, "at most the case in hand was on disk and not yet on record"
    subprocess.run(command(images, out, trained), env=ONE_THREAD, check=True)
    expected, found = masks(tmp_path / "undisturbed"), masks(out)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert report(out)["done"] == 60


def test_a_bundles_own_colours_are_in_all_that_a_run_writes(trained: Path, images: Path, tmp_path: Path):
    bundle, out = tmp_path / "own" / trained.name, tmp_path / "out"
    shutil.copytree(trained, bundle)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    metadata["segment_attributes"] = attributes_of(segment_classes(Bundle(trained).class_names))
    metadata["segment_attributes"][0]["recommendedDisplayRGBValue"] = [250, 20, 20]
    del metadata["segment_attributes"][1]["recommendedDisplayRGBValue"]
    (bundle / "configs" / "metadata.json").write_text(json.dumps(metadata))
    segment("-i", images / "one" / "a.nii.gz", "-o", out, "-m", bundle, "-ot", "nifti", "-ot", "seg_nrrd")
    assert json.loads((out / "labels.json").read_text())["colours"] == {"1": "#fa1414", "2": as_hex(colour_of(2))}
    assert known_colours(out, Bundle(bundle).class_names) == Bundle(bundle).colours
    assert b"Segment0_Color:=0.980392 0.0784314 0.0784314\n" in (out / "a.seg.nrrd").read_bytes()
    assert "rgb(250, 20, 20)" in (out / "report.html").read_text()
    picture = np.asarray(Image.open(out / report(out)["cases"][0]["picture"])).astype(int)
    near = [(np.abs(picture - colour).max(-1) < 60).any() for colour in ((250, 20, 20), colour_of(1))]
    assert near == [True, False]
    pairs = [{"image": str(images / "one" / "a.nii.gz"), "label": str(out / "a.nii.gz")}]
    (tmp_path / "masks").mkdir()
    for name in ("a.nii.gz", "labels.json"):
        shutil.copy(out / name, tmp_path / "masks")
    names = Bundle(bundle).class_names
    evaluation = evaluate_cases("toy", pairs, names, tmp_path / "ev", tmp_path / "masks")
    assert evaluation.colours == Bundle(bundle).colours
