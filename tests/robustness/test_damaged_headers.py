"""Three hundred files with damaged headers in one folder: each gets a row, and a sentence if it fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest
from damage import damaged_images, volume
from whole_run import run_folder

SEED = int(os.environ.get("MONAI_MOBILEUNET_FUZZ_SEED", "15"))
COUNT = int(os.environ.get("MONAI_MOBILEUNET_FUZZ_COUNT", "300"))
PEAK = 3_500_000  # KiB, a little more than the process is given: a spacing may come to be one of a large grid


def test_each_of_three_hundred_damaged_files_ends_as_a_row(tmp_path: Path, trained: Path):
    folder = tmp_path / "in"
    images = damaged_images(folder, COUNT, SEED)
    for name in ("a_first", "z_last"):
        nibabel.save(nibabel.Nifti1Image(volume(), np.eye(4)), folder / f"{name}.nii.gz")
    ended = run_folder(trained, folder, tmp_path / "out")
    counts = Counter(row["status"] for row in ended.rows)
    told = f"seed {SEED}, {len(images)} files, {len(ended.rows)} rows, {dict(counts)}, exit {ended.code}"
    assert ended.code == 1, f"{told}\n{ended.text[-3000:]}"
    assert ended.report["left"] == 0, told
    assert ended.peak < PEAK, f"{told}: {ended.peak} KiB"
    assert "Traceback" not in ended.text, told
    read = [image for row in ended.rows for image in row["images"]]
    missing = [str(path) for path in images if not any(image.startswith(str(path)) for image in read)]
    assert not missing, f"{told}: {missing}"
    done = {row["case"] for row in ended.rows if row["status"] == "done"}
    assert {"a_first", "z_last"} <= done, told
    for row in ended.rows:
        if row["status"] == "failed":
            assert is_sentence(row["problem"], row["images"][0]), f"{told}\n{row['problem']}"
    assert not [row["case"] for row in ended.rows if "Memory was too short" in row["problem"]], told
    assert counts["failed"] > COUNT / 4, told
    print(told)


READ_BY_FOUR = """
import random, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from monai_mobileunet.data import DataError
from monai_mobileunet.data.formats.itk import grid_of_itk, read_itk

def read(seed):
    draw, failed = random.Random(seed), 0
    for _ in range(600):
        try:
            draw.choice((grid_of_itk, read_itk))(Path(draw.choice(sys.argv[1:])))
        except (DataError, RuntimeError):
            failed += 1
    return failed

with ThreadPoolExecutor(4) as threads:
    print(min(threads.map(read, range(4))))
"""


@pytest.mark.parametrize("suffixes", [(".nrrd", ".nhdr"), (".mha", ".mhd")], ids=["nrrd", "metaimage"])
def test_several_threads_read_damaged_files_at_the_same_time(tmp_path: Path, suffixes: tuple[str, ...]):
    """As reading ahead and measuring a case's memory do; a crash would end the process of the test as well."""
    files = [str(path) for path in damaged_images(tmp_path / "in", 300, SEED) if path.suffix in suffixes]
    done = subprocess.run([sys.executable, "-c", READ_BY_FOUR, *files], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"seed {SEED}, exit {done.returncode}: {done.stderr[-500:]}"
    assert int(done.stdout) > 100, "many are damaged"


def is_sentence(problem: str, image: str) -> bool:
    """Whether a problem names its file, says a reason, and is nothing that a program says to programmers."""
    place = str(Path(image).parent) if os.path.isfile(image) else image
    named = problem.startswith(place) and problem.rstrip().endswith(".")
    empty = re.search(r"\(\s*\)|\(\w+: ?\)", problem)
    return named and not empty and "Traceback" not in problem and 'File "' not in problem


@pytest.mark.parametrize("problem", ["x.nii: cannot be read ().", "x.nii: cannot be read (EOFError: )", "", "y: bad."])
def test_what_is_no_sentence(problem: str):
    assert not is_sentence(problem, "x.nii")
