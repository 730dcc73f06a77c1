"""A run over many cases as a script for a cluster's scheduler, which a user reads, changes and starts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from string import Template

__all__ = ["CPUS", "LOGS", "PARTS", "ArrayJob", "Emit", "array_script"]

LOGS = "logs"
"""Folder of the logs of the tasks, in the output."""

PARTS, CPUS = 10, 4
"""Tasks of an array, and processors of each, where nothing is said."""


class Emit(StrEnum):
    """Schedulers that a script can be written for."""

    SLURM = "slurm"


@dataclass(frozen=True)
class ArrayJob:
    """What the script has to start.

    Attributes:
        program: how the command line is started, as words.
        arguments: of ``mobileunet segment``, without those that the script sets: parts and threads.
        output: folder of the masks.
        folder: where the command was typed, from which its paths lead.
        cases: how many there are.
        parts: how many tasks.
        cpus: processors of each.
    """

    program: Sequence[str]
    arguments: Sequence[str]
    output: Path
    folder: Path
    cases: int
    parts: int = PARTS
    cpus: int = CPUS


SLURM = Template(
    r"""#!/usr/bin/env bash
# $cases cases in $parts parts on SLURM, and one report. Start it where sbatch is: bash job.sh
# Started again, after whatever end, it goes on where it was: what is finished is not done again.
# Not a medical device. Not for diagnostic use.
set -euo pipefail

PARTS=$parts                # tasks of the array; the cases are dealt to them by their numbers of voxels
CPUS=$cpus                  # processors, and threads of the network, of each task
MEMORY=16G             # of each task; one that is killed for want of it leaves a case that the next start tries again
TIME=24:00:00          # of each task; one that it is too short for is ended, and the next start goes on from there
JOB=(--requeue)        # further options of all jobs: --partition=..., --account=...; a lost node starts a task again
TASK=(--ntasks=1)      # further options of the tasks alone: --gres=gpu:1 beside --device cuda in SEGMENT
REPORT_MEMORY=4G       # of the job that writes the report: 100,000 cases take 1.2G
REPORT_TIME=01:00:00
MOBILEUNET=($program)  # how a node starts it
SEGMENT=(segment $arguments)
OUTPUT=$output
LOGS=$logs

cd $folder
mkdir -p "$$LOGS"
printf -v segment '%q ' "$${MOBILEUNET[@]}" "$${SEGMENT[@]}"
printf -v report '%q ' "$${MOBILEUNET[@]}" report "$$OUTPUT"

array=$$(sbatch --parsable --job-name=mobileunet --array="0-$$((PARTS - 1))" --cpus-per-task="$$CPUS" --mem="$$MEMORY" \
  --time="$$TIME" --output="$$LOGS/%A_%a.log" "$${JOB[@]}" "$${TASK[@]}" <<TASK_SCRIPT
#!/usr/bin/env bash
# srun passes on the signal that ends a task, in time for its report; it does not know the number of processors
srun --cpus-per-task=$$CPUS $$segment --threads $$CPUS --num-parts $$PARTS --part-id \$$SLURM_ARRAY_TASK_ID
TASK_SCRIPT
)
array=$${array%%;*}     # SLURM adds the name of a cluster where there are several
# afterany: the report tells of parts that failed, too
merge=$$(sbatch --parsable --job-name=mobileunet-report --dependency="afterany:$$array" --cpus-per-task=1 \
  --mem="$$REPORT_MEMORY" --time="$$REPORT_TIME" --output="$$LOGS/report_%j.log" "$${JOB[@]}" <<REPORT_SCRIPT
#!/usr/bin/env bash
$$report
REPORT_SCRIPT
)
echo "array $$array of $$PARTS tasks, then report $${merge%%;*}; logs in $$LOGS; masks and report in $$OUTPUT"
echo "while it runs: $$report"
"""
)

TEMPLATES = {Emit.SLURM: SLURM}


def array_script(kind: Emit, job: ArrayJob) -> str:
    """The script; it starts nothing before a user starts it.

    Args:
        kind: the scheduler.
        job: what is to be started.
    """
    return TEMPLATES[kind].substitute(
        cases=job.cases,
        parts=job.parts,
        cpus=job.cpus,
        program=shlex.join(job.program),
        arguments=shlex.join(job.arguments),
        output=shlex.quote(str(job.output)),
        logs=shlex.quote(str(job.output / LOGS)),
        folder=shlex.quote(str(job.folder)),
    )
