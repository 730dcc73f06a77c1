from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image


def test_the_tour_trains_segments_the_held_out_cases_and_shows_them(toy_dataset: Path, tmp_path: Path):
    output = tmp_path / "out"
    command = [sys.executable, "-m", "monai_mobileunet", "demo", "--data", str(toy_dataset), "--output", str(output)]
    done = subprocess.run(
        [*command, "--epochs", "6"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Not a medical device" in done.stdout

    segmented = sorted((output / "segmented").glob("*.nii.gz"))
    assert segmented, "the held-out cases are segmented"
    for path in segmented:
        name = path.name.removesuffix(".nii.gz")
        (row,) = re.findall(rf"{name} *│ *(\S+) *│ *(\S+)", done.stdout)
        pred = np.asarray(nibabel.load(path).dataobj)
        label = np.asarray(nibabel.load(toy_dataset / "labelsTr" / path.name).dataobj)
        for number, printed in enumerate(row, 1):
            dice = 2 * ((pred == number) & (label == number)).sum() / ((pred == number).sum() + (label == number).sum())
            assert abs(float(printed) - dice) < 1e-3, "the table tells what lies in the files"
        with Image.open(output / f"{name}.png") as picture:
            assert picture.size == (1200, 460)
        assert str(output / f"{name}.png") in done.stdout
    assert (output / "training" / "curve.png").is_file()
    for name in ("train.json", "inference.json"):
        overrides = json.loads((output / "configs" / name).read_text())
        assert overrides["divide_by_plane"] is False, "its classes are not those of the bundle"
    assert str(output / "report" / "report.html") in done.stdout
    assert f"{len(segmented)} of {len(segmented)} cases" in (output / "report" / "report.html").read_text()
