"""The main job from end to end, by the commands that a user types: plan, train, segment, evaluate."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data.datasets.naming import image_files
from monai_mobileunet.data.files import write_json
from monai_mobileunet.demo.brains import make_cohort

__all__ = ["run_demo"]

SUBJECTS = 15


def run_demo(output_dir: Path, dataset_dir: Path | None, budget: str, console: Console) -> None:
    """Make or take a data set, plan a bundle for it, train that, segment its held-out cases and evaluate the masks.

    Args:
        output_dir: folder for everything that is made.
        dataset_dir: a data set in any layout that ``mobileunet plan`` reads; ``None`` makes a cohort out of the MNI152
            template.
        budget: time for the training, as ``2m``.
        console: where to talk.

    Raises:
        ModuleNotFoundError: nilearn, which holds the template, is missing.
        subprocess.CalledProcessError: a command failed; its own message stands above.
    """
    started = time.perf_counter()
    output_dir.mkdir(parents=True, exist_ok=True)
    if dataset_dir is None:
        dataset_dir = output_dir / "cohort"
        console.print("[bold]1. Volumes[/]: the MNI152 template, deformed and re-contrasted. One anatomy, no cohort.")
        with Progress(console=console) as progress:
            bar = progress.add_task("deforming", total=SUBJECTS)
            make_cohort(dataset_dir, SUBJECTS, on_subject=lambda done: progress.update(bar, completed=done))
    else:
        console.print(f"[bold]1. Volumes[/]: {dataset_dir}", soft_wrap=True)
    bundle, masks, report = (output_dir / name for name in ("bundle", "segmented", "report"))

    console.print("[bold]2. Plan[/]: what the volumes are decides how they are segmented.")
    _run(["monai_mobileunet", "plan", dataset_dir, "-o", bundle, "--budget", budget], console)
    console.print("[bold]3. Training[/]")
    _run(["monai.bundle", "run", "training", "--config_file", bundle / "configs" / "train.json"], console)
    images, pairs = _hold_out(bundle, dataset_dir, output_dir / "held_out")
    console.print("[bold]4. Segmentation[/] of the cases that the training left out")
    _run(["monai_mobileunet", "segment", "-i", images, "-o", masks, "-m", bundle], console)
    console.print("[bold]5. Evaluation[/]: the masks against the labels, on the images' own grids")
    _run(["monai_mobileunet", "evaluate", pairs, "--pred", masks, "-o", report], console)

    console.print("To look at: the training's curve, the masks, and the worst slices beside their labels.")
    for picture in (bundle / "eval" / "curve.png", masks / "report.html", report / "report.html"):
        console.print(f"  {picture}", soft_wrap=True)
    console.print(f"{time.perf_counter() - started:.0f} s in all. Not a medical device; not for diagnostic use.")


def _hold_out(bundle: Path, dataset_dir: Path, folder: Path) -> tuple[Path, Path]:
    """List the cases that the bundle's split validates on: their images to segment, and a data set of the pairs."""
    opened = Bundle(bundle)
    cases = opened.cases(dataset_dir, "validation")
    folder.mkdir(exist_ok=True)
    images = [[str(Path(path).resolve()) for path in image_files(case)] for case in cases]
    labels = [str(Path(case["label"]).resolve()) for case in cases]
    write_json(folder / "images.json", images)
    pairs = [{"image": image, "label": label} for image, label in zip(images, labels, strict=True)]
    names = dict(enumerate(["background", *opened.class_names]))
    write_json(folder / "list.json", {"labels": names, "training": pairs})
    return folder / "images.json", folder


def _run(command: Sequence[str | Path], console: Console) -> None:
    """Run a module as a user does, and show what to type for it."""
    module, *arguments = map(str, command)
    typed = ["mobileunet"] if module == "monai_mobileunet" else ["python", "-m", module]
    console.print(f"$ {shlex.join([*typed, *arguments])}", markup=False, highlight=False, soft_wrap=True)
    subprocess.run([sys.executable, "-W", "ignore", "-m", module, *arguments], check=True)
