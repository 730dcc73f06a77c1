from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np


def test_the_tour_plans_trains_segments_what_was_held_out_and_measures_it(toy_dataset: Path, tmp_path: Path):
    output = tmp_path / "out"
    command = [sys.executable, "-m", "monai_mobileunet", "demo", "--data", str(toy_dataset), "--output", str(output)]
    done = subprocess.run(
        [*command, "--budget", "17s"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Not a medical device" in done.stdout

    pairs = json.loads((output / "held_out" / "list.json").read_text())["training"]
    training = json.loads((output / "bundle" / "configs" / "metadata.json").read_text())["training"]
    assert pairs
    assert len(pairs) < len(list((toy_dataset / "imagesTr").iterdir())), "some were trained on"
    assert training
    results = json.loads((output / "report" / "results.json").read_text())
    measured = {case["name"]: case["classes"] for case in results["cases"]}
    for pair in pairs:
        name = Path(pair["label"]).name
        pred, label = (np.asarray(nibabel.load(path).dataobj) for path in (output / "segmented" / name, pair["label"]))
        for number, known in enumerate(measured[name.removesuffix(".nii.gz")].values(), 1):
            dice = 2 * ((pred == number) & (label == number)).sum() / ((pred == number).sum() + (label == number).sum())
            assert abs(known["dice"] - dice) < 1e-3, "the page tells what lies in the files"
    for picture in ("bundle/eval/curve.png", "segmented/report.html", "report/report.html"):
        assert (output / picture).is_file()
        assert str(output / picture) in done.stdout
    for typed in ("mobileunet plan", "monai.bundle run training", "mobileunet segment", "mobileunet evaluate"):
        assert f"{typed} " in done.stdout
