"""Cases in processes of their own and on a Dask cluster: the same masks, and what ends a worker ends nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import psutil
import pytest
from conftest import ONE_THREAD
from typer.testing import CliRunner

from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.cli import app
from monai_mobileunet.cohort.case_in_hand import Tools
from monai_mobileunet.cohort.executors import choice, dask_executor
from monai_mobileunet.cohort.executors.choice import order_of
from monai_mobileunet.cohort.executors.order import Order
from monai_mobileunet.cohort.journal import read_records
from monai_mobileunet.cohort.memory import Budget
from monai_mobileunet.cohort.options import SegmentOptions
from monai_mobileunet.cohort.plan import STATE
from monai_mobileunet.cohort.prepared import prepare_images
from monai_mobileunet.cohort.segment import claim_images
from monai_mobileunet.cohort.worker import segment_cases
from monai_mobileunet.data import DataError

POISON = 1e6
"""Intensity that ends the process which sees it, in the bundle of :func:`fatal`."""


def segment(*arguments: object, expect: int = 0) -> str:
    result = CliRunner().invoke(app, ["segment", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return " ".join(result.output.split())


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "monai_mobileunet", "segment", *map(str, arguments)]


@pytest.fixture
def fatal(trained: Path) -> Path:
    """A bundle whose preprocessing is killed by some images, as the system kills what takes all memory."""
    config = trained / "configs" / "inference.json"
    content = json.loads(config.read_text())
    kill = "$lambda x: x if x.max() < 1e6 else __import__('os').kill(__import__('os').getpid(), 9)"
    content["preprocessing"]["transforms"].insert(1, {"_target_": "Lambdad", "keys": "image", "func": kill})
    config.write_text(json.dumps(content))
    return trained


@pytest.fixture
def images(tmp_path: Path, toy_dataset: Path) -> Path:
    return many(tmp_path / "in", toy_dataset, 4)


def many(folder: Path, toy_dataset: Path, count: int) -> Path:
    folder.mkdir()
    sources = sorted((toy_dataset / "imagesTr").iterdir())
    for index in range(count):
        shutil.copy(sources[index % len(sources)], folder / f"case_{index:03d}.nii.gz")
    return folder


def poison(folder: Path, name: str) -> None:
    """An image that ends its worker."""
    values = np.full((12, 12, 12), POISON, np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / f"{name}.nii.gz")


def masks(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.nii.gz"))}


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_a_case_that_ends_its_workers_is_put_aside_and_no_other_suffers(
    fatal: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (images / "case_003.nii.gz").unlink()
    segment("-i", images, "-o", tmp_path / "here", "-m", fatal)
    (tmp_path / "filelock.py").write_text("raise SystemExit('the working folder is no place for modules')")
    monkeypatch.chdir(tmp_path)
    poison(images, "case_last")
    out = tmp_path / "out"
    told = segment("-i", images, "-o", out, "-m", fatal, "--workers", 2, expect=1)
    assert "2 workers × " in told
    assert "3 done, 1 failed" in told
    assert "case_last.nii.gz: ended the worker that segmented it, among others and then alone (ended by SIGKILL" in told
    assert masks(out) == masks(tmp_path / "here"), "the bytes of a run in one process"
    rows = {row["case"]: row for row in report(out)["cases"]}
    assert rows["case_last"]["status"] == "failed"
    assert not list((out / STATE / "runs").iterdir()), "nobody is left in the folder"
    records = read_records(out / STATE / "journal.jsonl")
    assert {name for name, record in records.items() if record.done} == {"case_000", "case_001", "case_002"}
    (images / "case_last.nii.gz").unlink()
    assert "3 finished before, 0 to do" in segment("-i", images, "-o", out, "-m", fatal), "whoever made them"


def test_what_is_too_large_for_a_share_waits_until_it_is_alone(trained: Path, images: Path, tmp_path: Path):
    claimed = claim_images(prepare_images(SegmentOptions(images, tmp_path / "out", trained, workers=2)))
    run, waiting = claimed.prepared.run, []
    with claimed.journal as journal:
        tools = Tools(run.plan, claimed.segmenter, journal, Budget(4096, limit=4096), postpone=waiting.append)
        segment_cases(run.standing.todo, tools, 1)
        assert [case.name for case in waiting] == ["case_000", "case_001", "case_002", "case_003"]
        assert not masks(tmp_path / "out")
        assert not journal.concluded, "none of them has failed"


def test_a_cluster_gives_the_same_masks(trained: Path, images: Path, tmp_path: Path):
    segment("-i", images, "-o", tmp_path / "here", "-m", trained)
    told = segment("-i", images, "-o", tmp_path / "out", "-m", trained, "--scheduler", "local", "--workers", 1)
    assert "4 done, 0 failed" in told
    assert masks(tmp_path / "out") == masks(tmp_path / "here")


@pytest.mark.slow
def test_a_cluster_puts_aside_what_ends_its_workers(fatal: Path, images: Path, tmp_path: Path):
    poison(images, "case_001b")
    told = segment("-i", images, "-o", tmp_path / "out", "-m", fatal, "--scheduler", "local", "--workers", 2, expect=1)
    assert "4 done, 1 failed" in told
    assert "case_001b.nii.gz: ended the worker that segmented it" in told


def test_what_cannot_segment_is_refused_before_anything_is_written(
    trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = ("-i", images, "-o", tmp_path / "out", "-m", trained, "--scheduler", "tcp://127.0.0.1:9")
    monkeypatch.setattr(dask_executor, "CONNECT", 0.5)
    assert "no Dask scheduler answers" in segment(*asked, expect=2)
    assert "workers of its own" in segment(*asked, "--workers", 2, expect=2)
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    assert "pip install 'monai_mobileunet[distributed]'" in segment(*asked, expect=2)
    assert not (tmp_path / "out").exists()


def test_a_worker_that_does_not_see_what_the_run_sees_refuses(trained: Path, images: Path, tmp_path: Path):
    """As where a cluster's machines have different copies of a bundle, or lack a mount."""
    options = SegmentOptions(images, tmp_path / "out", trained, workers=2)
    run = prepare_images(options).run
    order = order_of(options, run, Tools(run.plan, None, None, Budget()))
    order = Order.of_text(order.text())
    with pytest.raises(DataError, match=r"out/\.mobileunet: does not exist on .* Mount the folder at the same place"):
        order.open(print)
    weights = trained / "models" / "model.pt"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(DataError, match="has other weights or configs on"):
        order.open(print)
    with pytest.raises(DataError, match="nowhere: does not exist on"):
        replace(order, folder="/nowhere").open(print)
    with pytest.raises(ValueError, match="another version"):
        Order.of_text("{}")


def children(process: subprocess.Popen) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            found += [child] if any("slot_process" in word for word in child.cmdline()) else []
    return found


def journal_done(out: Path) -> int:
    return sum(record.done for record in read_records(out / STATE / "journal.jsonl").values())


@pytest.mark.slow
@pytest.mark.parametrize("where", [["--workers", "2"], ["--scheduler", "local", "--workers", "2"]])
def test_workers_killed_at_any_time_cost_no_case(trained: Path, tmp_path: Path, toy_dataset: Path, where: list[str]):
    images, out = many(tmp_path / "in", toy_dataset, 120), tmp_path / "out"
    segment("-i", images, "-o", tmp_path / "here", "-m", trained)
    process = subprocess.Popen(command("-i", images, "-o", out, "-m", trained, *where), env=ONE_THREAD)
    rng, killed = np.random.default_rng(0), 0
    while process.poll() is None:
        time.sleep(rng.uniform(2, 6))
        journals = " ".join(path.name for path in (out / STATE / "journals").glob("*"))
        victims = [one for one in children(process) if f"-{one.pid}-" in journals] if process.poll() is None else []
        if victims and journal_done(out) < 110:
            victims[rng.integers(len(victims))].send_signal(signal.SIGKILL)
            killed += 1
    assert process.returncode == 0
    assert killed > 1
    assert masks(out) == masks(tmp_path / "here")


@pytest.mark.slow
def test_a_killed_run_leaves_no_worker_and_is_gone_on_with(trained: Path, tmp_path: Path, toy_dataset: Path):
    images, out = many(tmp_path / "in", toy_dataset, 60), tmp_path / "out"
    asked = ("-i", images, "-o", out, "-m", trained, "--workers", 2)
    process = subprocess.Popen(command(*asked), env=ONE_THREAD)
    while journal_done(out) < 5:
        assert process.poll() is None
        time.sleep(0.1)
    workers = children(process)
    process.kill()
    process.wait()
    psutil.wait_procs(workers, timeout=30)
    assert not any(worker.is_running() for worker in workers), "they end when their parent is gone"
    done = journal_done(out)
    assert f"{done} finished before, {60 - done} to do" in segment(*asked)
    assert len(masks(out)) == 60


@pytest.mark.slow
def test_a_lost_scheduler_loses_nothing_that_was_finished(trained: Path, tmp_path: Path, toy_dataset: Path):
    images, out = many(tmp_path / "in", toy_dataset, 60), tmp_path / "out"
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    cluster = [
        subprocess.Popen(
            [*dask, "scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]
        )
    ]
    while not file.is_file():
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    cluster.append(subprocess.Popen([*dask, "worker", address, "--nthreads", "1", "--no-dashboard"], env=ONE_THREAD))
    try:
        asked = ("-i", images, "-o", out, "-m", trained)
        process = subprocess.Popen(
            command(*asked, "--scheduler", address), env=ONE_THREAD, stdout=subprocess.PIPE, text=True
        )
        while journal_done(out) < 5:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)
        cluster[0].kill()
        told, _ = process.communicate(timeout=180)
    finally:
        for one in cluster:
            one.kill()
    assert process.returncode == 1
    assert "The same command goes on from here" in " ".join(told.split())
    time.sleep(2)
    done = journal_done(out)
    assert done >= 5
    assert f"{done} finished before" in segment(*asked)
    assert len(masks(out)) == 60


def test_of_several_journals_the_record_that_was_written_last_counts(tmp_path: Path):
    state = tmp_path / STATE
    (state / "journals").mkdir(parents=True)

    def line(name: str, state: CaseState, written: float) -> str:
        return json.dumps({**CaseRecord(name, state=state).as_json(), "written_at": written}) + "\n"

    (state / "journal.jsonl").write_text(line("a", CaseState.DONE, 5) + line("b", CaseState.IN_HAND, 1))
    (state / "journals" / "journal-x.jsonl").write_text(line("a", CaseState.IN_HAND, 4) + line("b", CaseState.DONE, 2))
    (state / "journals" / "journal-y.jsonl").write_text(
        line("b", CaseState.IN_HAND, 1) + line("c", CaseState.FAILED, 1)
    )
    (state / "journals" / "evaluation-z.jsonl").write_text(line("d", CaseState.DONE, 9))
    records = read_records(state / "journal.jsonl")
    assert {name: record.state.value for name, record in records.items()} == {"a": "done", "b": "done", "c": "failed"}
    assert os.listdir(state / "journals")
