"""The page's script for SLURM, with stand-ins for SLURM's commands and for torchrun."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PROJECT

SCRIPT = "#!/bin/bash\n" + (PROJECT / "docs" / "multi_gpu.md").read_text().split("#!/bin/bash\n")[1].split("```")[0]
STAND_INS = {
    "scontrol": 'echo "$@" >> scontrol.log; [ "$1" = show ] && printf "node1\\nnode2\\n"',
    "srun": 'printf "%s\\n" "$@" > srun.log; while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "torchrun": 'printf "%s\\n" "$@" > torchrun.log; sleep "$SECONDS_OF_TRAINING"; exit 3',
}


def script(folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    for name, does in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\n{does}\n")
        (folder / name).chmod(0o755)
    (folder / "train.sh").write_text(SCRIPT)
    job = {"SLURM_JOB_ID": "17", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "4", "SLURM_JOB_NODELIST": "node[1-2]"}
    job |= {
        "SLURM_CPUS_PER_TASK": "32",
        "DATA": "/data",
        "BUNDLE": "/b",
        "FRAGMENTS": "/f",
        "SECONDS_OF_TRAINING": str(seconds),
    }
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.Popen(["bash", "-u", "train.sh"], cwd=folder, env={**os.environ, **job, "PATH": path})


def test_it_starts_torchrun_and_passes_its_exit_code_on(tmp_path: Path):
    assert script(tmp_path, 0).wait(10) == 3
    of_srun = (tmp_path / "srun.log").read_text().splitlines()
    assert "--cpus-per-task=32" in of_srun, "srun does not take them over from sbatch"
    assert "--kill-on-bad-exit=1" in of_srun, "or the other machine waits for minutes"
    arguments = (tmp_path / "torchrun.log").read_text().splitlines()
    assert {"--nnodes=2", "--nproc_per_node=4", "--rdzv_endpoint=node1:29500"} <= set(arguments)
    assert arguments[-1] == "['/b/configs/train.json','/b/configs/multi_gpu_train.json','/f/continue.json']"
    assert "--requeue" in SCRIPT


def test_before_the_time_limit_it_asks_to_be_started_again(tmp_path: Path):
    job = script(tmp_path, 0.5)
    end = time.monotonic() + 10
    while not (tmp_path / "torchrun.log").exists():
        assert time.monotonic() < end, pytest.fail("torchrun was never started")
        time.sleep(0.01)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(10) > 128
    assert (tmp_path / "scontrol.log").read_text().splitlines()[-1] == "requeue 17"
