"""``mobileunet report`` out of journals, and runs in parts that end in one report."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ONE_THREAD
from typer.testing import CliRunner

from monai_mobileunet.case_record import CaseRecord, CaseState, WrittenFile
from monai_mobileunet.cli import app
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.plan import STATE
from monai_mobileunet.cohort.report import RunFacts, keep_facts
from monai_mobileunet.review import REVIEW, Quality, Verdict, write_verdicts

SBATCH = """#!/usr/bin/env bash
# stands in for a cluster: runs the tasks of an array here, one after the other
for word in "$@"; do case $word in --array=*) array=${word#--array=} ;; esac; done
script=$(cat)
echo "$*" >> "$FAKE_LOG"
if [ -z "${array:-}" ]; then bash -c "$script" >&2; echo 42; exit; fi
export SLURM_ARRAY_TASK_MIN=${array%-*} SLURM_ARRAY_TASK_COUNT=$((${array#*-} + 1))
for ((id = ${array%-*}; id <= ${array#*-}; id++)); do SLURM_ARRAY_TASK_ID=$id bash -c "$script" >&2 || true; done
echo "41;cluster"
"""
SRUN = '#!/usr/bin/env bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n'
RECORDER = '#!/usr/bin/env bash\nprintf "%s\\0" "$@" $\'\\n\' >> "$FAKE_LOG.calls"\n'


def command(*words: object, expect: int = 0) -> str:
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return " ".join(result.output.split())


def report_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


@pytest.fixture
def images(tmp_path: Path, toy_dataset: Path) -> Path:
    """Three images, in a folder whose name a shell has to be told of with care."""
    folder = tmp_path / "it's $HOME `x`"
    shutil.copytree(toy_dataset / "imagesTr", folder, ignore=lambda _, names: sorted(names)[3:])
    return folder


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def start_job(script: str, folder: Path) -> str:
    """Start a job script on the cluster that is none; what it and its tasks said."""
    job = folder / "job.sh"
    job.write_text(script)
    assert subprocess.run(["bash", "-n", job]).returncode == 0
    executable(folder / "bin" / "sbatch", SBATCH)
    executable(folder / "bin" / "srun", SRUN)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {**ONE_THREAD, "PATH": path, "FAKE_LOG": str(folder / "log"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(["bash", job], capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def emitted(images: Path, bundle: Path, folder: Path, *more: object) -> str:
    arguments = ["segment", "-i", images, "-o", folder / "my out", "-m", bundle, "--emit", "slurm", *more]
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "3 cases in" in result.stderr
    assert result.stdout.startswith("#!/usr/bin/env bash\n"), "stdout is the script's alone"
    assert result.stdout.rstrip().endswith('$report"')
    return result.stdout


def test_a_report_tells_of_what_is_on_record_while_the_run_goes_on(tmp_path: Path):
    (tmp_path / "other.nii.gz").touch()
    facts = RunFacts("toy", "ab" * 32, "key", {"input": "in"}, ("liver",), ("a warning",), "journal.jsonl", ())
    names = [f"case_{number:02d}" for number in range(30)]
    written = WrittenFile(1, 1, "")
    done = CaseRecord("case_28", (Path("a"),), (Path("b"),), state=CaseState.DONE, settings="key")
    with Journal(tmp_path / STATE / "journal.jsonl") as journal:
        keep_facts(RunFacts(**{**vars(facts), "cases": tuple(names)}), tmp_path / STATE)
        for name in names[:25]:
            journal.write(CaseRecord(name, (Path("a"),), state=CaseState.FAILED, settings="key", problem="is empty."))
        journal.write(CaseRecord("case_25", (Path("a"),), state=CaseState.IN_HAND, settings="key"))
        journal.write(CaseRecord("case_26", (Path("a"),), state=CaseState.FAILED, settings="earlier", problem="no."))
        journal.write(done)
        for name in ("other", "gone"):
            journal.write(CaseRecord(name, state=CaseState.DONE, written={f"{name}.nii.gz": written}))
        told = command("report", tmp_path, expect=1)
        assert "2 done, 25 failed, 0 with warnings, 4 left to do." in told
        assert told.count("is empty.") == 1
        assert "error: 25 cases, case_00 among them: is empty." in told
        content = report_of(tmp_path)
        assert (content["done"], content["failed"], content["left"]) == (2, 25, 4)
        assert (content["bundle"], content["settings"], content["warnings"]) == ("toy", {"input": "in"}, ["a warning"])
        assert content["cases"][-1]["case"] == "other", "of an earlier run, whose mask is there"
    with (tmp_path / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 27


def test_a_review_is_in_the_report_and_a_damaged_one_is_a_warning(tmp_path: Path):
    facts = RunFacts("toy", "ab" * 32, "key", {"input": "in"}, ("liver",), (), "journal.jsonl", ("a",))
    with Journal(tmp_path / STATE / "journal.jsonl") as journal:
        keep_facts(facts, tmp_path / STATE)
        journal.write(CaseRecord("a", (Path("a"),), (Path("b"),), state=CaseState.DONE, settings="key"))
    write_verdicts(tmp_path, {"a": Verdict(Quality.FIX, "the tip")})
    command("report", tmp_path)
    (case,) = report_of(tmp_path)["cases"]
    assert case["review"] == {"verdict": "fix", "note": "the tip", "time": ""}
    with (tmp_path / "report.csv").open() as file:
        assert [(row["verdict"], row["note"]) for row in csv.DictReader(file)] == [("fix", "the tip")]
    (tmp_path / REVIEW).write_text("case,verdict,note,time\na,great,,\n")
    told = command("report", tmp_path)
    assert "review.csv, line 2: the verdict is 'great'" in told
    (warning,) = report_of(tmp_path)["warnings"]
    assert "review.csv, line 2" in warning


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    assert "Name the folder that was its --output" in command("report", tmp_path, expect=2)
    Journal(tmp_path / STATE / "journal.jsonl").__exit__()
    assert "Type the command of the run again" in command("report", tmp_path, expect=2)
    (tmp_path / STATE / "run.json").write_text('{"bundle": "a"}')
    assert "does not say what a run is" in command("report", tmp_path, expect=2)


def test_parts_end_in_one_report_which_the_command_writes_alike(
    trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The calls that the script's tasks make, made in this process."""
    program = executable(tmp_path / "bin" / "python", RECORDER)
    monkeypatch.setattr(sys, "executable", str(program))
    broken = sorted(images.iterdir())[1]
    broken.write_bytes(b"")
    planes = 'planes=["axial"]'
    script = emitted(images, trained, tmp_path, "--no-tta", "--num-parts", 2, "--threads", 1, "--set", planes)
    out = tmp_path / "my out"
    assert [path.name for path in (out / STATE).iterdir()] == ["parts-2.json"], "dealt, and nothing started"
    assert "array 41 of 2 tasks, then report 42" in start_job(script, tmp_path)
    submitted = (tmp_path / "log").read_text().splitlines()
    assert "--array=0-1 --cpus-per-task=1 --mem=16G" in submitted[0]
    assert "--requeue" in submitted[0]
    assert "--dependency=afterany:41 " in submitted[1]

    calls = [call.split("\0")[:-1] for call in (tmp_path / "log.calls").read_text().split("\n\0") if call]
    ours = ["-m", "monai_mobileunet"]
    assert [call[:3] for call in calls] == [[*ours, "segment"], [*ours, "segment"], [*ours, "report"]]
    assert calls[1][-6:] == ["--threads", "1", "--num-parts", "2", "--part-id", "1"]
    assert {planes, str(images), "--no-tta"} < set(calls[1])

    kept = []
    for part, names in enumerate(json.loads((out / STATE / "parts-2.json").read_text())["parts"]):
        failed = int(broken.name.removesuffix(".nii.gz") in names)
        told = command(*calls[part][2:], expect=failed)
        assert f"part {part + 1} of 2 (--part-id {part}): {len(names)} of 3 cases" in told
        assert f"{len(names) - failed} done, {failed} failed, 0 with warnings. " in told, "of its own cases"
        kept.append((out / STATE / "run.json").read_bytes())
        shown = report_of(out)
        assert (len(shown["cases"]), shown["left"]) == ((len(names), 3 - len(names)) if part == 0 else (3, 0))
    assert kept[0] == kept[1]
    by_the_last_part = report_of(out)
    assert "2 done, 1 failed, 0 with warnings. " in command(*calls[2][2:], expect=1)
    assert {**report_of(out), "made": ""} == {**by_the_last_part, "made": ""}
    assert [row["status"] for row in report_of(out)["cases"]] == ["done", "failed", "done"]


@pytest.mark.slow
def test_an_emitted_job_segments_all_parts(trained: Path, images: Path, tmp_path: Path):
    """In processes as a cluster starts them; only the scheduler is none."""
    told = start_job(emitted(images, trained, tmp_path, "--fast"), tmp_path)
    assert "array 41 of 3 tasks" in told, "no more than there are cases"
    assert "3 done, 0 failed" in told
    assert (report_of(tmp_path / "my out")["done"], report_of(tmp_path / "my out")["left"]) == (3, 0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--emit", "pbs"], "slurm"),
        (["--emit", "slurm", "--overwrite"], "Leave it out beside --emit"),
        (["--emit", "slurm", "--part-id", "1"], "the script names it"),
        (["--emit", "slurm", "--workers", "2"], "leave these out beside --emit"),
        (["--num-parts", "3"], "Type --part-id"),
    ],
)
def test_what_cannot_be_started_in_parts_is_refused(
    trained: Path, images: Path, tmp_path: Path, more: list[str], words: str
):
    told = command("segment", "-i", images, "-o", tmp_path / "out", "-m", trained, *more, expect=2)
    assert words in told
    assert not (tmp_path / "out").exists()


def test_a_single_image_is_never_divided(trained: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PBS_ARRAY_INDEX", "7")
    arguments = ("segment", "-i", min(images.iterdir()), "-o", tmp_path / "out", "-m", trained)
    assert "1 case in" in command(*arguments, "--dry-run")
    assert "needs no array job" in command(*arguments, "--emit", "slurm", expect=2)
    assert "PBS_ARRAY_INDEX=7: PBS Pro does not say" in command(*arguments[:2], images, *arguments[3:], expect=2)
