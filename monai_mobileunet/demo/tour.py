"""The main job from end to end: train a bundle, segment what it has not seen, show numbers and pictures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.evaluate import evaluate_cases
from monai_mobileunet.data import DataError, Finding, find_parts
from monai_mobileunet.data.datasets.cases import Case
from monai_mobileunet.data.files import write_bytes
from monai_mobileunet.demo.brains import make_cohort
from monai_mobileunet.reports.evaluation_report import draw_case, write_report

__all__ = ["run_demo"]

BUNDLE = "hippocampus_mri_segmentation"
FOLDS = 5


@dataclass(frozen=True)
class Task:
    """What the demo has to know of a data set: the names of its classes, and the channels of its images."""

    class_names: tuple[str, ...]
    image_channels: int

    @classmethod
    def of(cls, dataset_dir: Path) -> Task:
        """Read it from ``dataset.json`` of the Medical Segmentation Decathlon.

        Raises:
            DataError: no such file, or no classes in it.
        """
        index = dataset_dir / "dataset.json"
        content = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
        labels = {int(number): name for number, name in content.get("labels", {}).items() if number.isdigit()}
        if len(labels) < 2:
            remedy = "Name the folder of a Decathlon task; its dataset.json has 'labels': {'0': 'background', …}."
            raise DataError([Finding(str(index), "no classes found in it." if content else "no such file.", remedy)])
        return cls(
            tuple(labels[number] for number in sorted(labels) if number), len(content.get("modality", {"0": ""}))
        )


def run_demo(output_dir: Path, project: Path, dataset_dir: Path | None, epochs: int, console: Console) -> None:
    """Make or take a data set, train on it, segment its held-out cases, print Dice, draw overlays.

    Args:
        output_dir: folder for everything that is made.
        project: folder that holds ``bundles/`` and ``configs/``.
        dataset_dir: a task of the Medical Segmentation Decathlon; ``None`` makes a cohort out of the MNI152 template.
        epochs: how long to train.
        console: where to talk.

    Raises:
        DataError: the data set cannot be used.
        subprocess.CalledProcessError: training or segmentation failed; their own message stands above.
    """
    started = time.perf_counter()
    output_dir.mkdir(parents=True, exist_ok=True)
    if dataset_dir is None:
        dataset_dir = output_dir / "cohort"
        console.print("[bold]1. Volumes[/]: the MNI152 template, deformed and re-contrasted. One anatomy, no cohort.")
        with Progress(console=console) as progress:
            bar = progress.add_task("deforming", total=15)
            make_cohort(dataset_dir, 15, on_subject=lambda done: progress.update(bar, completed=done))
    else:
        console.print(f"[bold]1. Volumes[/]: {dataset_dir}")
    task = Task.of(dataset_dir)
    held_out = find_parts(dataset_dir, fold=0, folds=FOLDS)["validation"]

    console.print(f"[bold]2. Training[/]: {', '.join(task.class_names)}; {len(held_out)} cases are held out.")
    bundle, fragments = _copy(project / "bundles" / BUNDLE, output_dir) / "configs", project / "configs"
    overrides = _write_overrides(output_dir, dataset_dir, task, epochs, held_out)
    _bundle_run([bundle / "train.json", fragments / "demo.json", overrides / "train.json"], "training", console)

    console.print("[bold]3. Segmentation[/] of the held-out cases")
    _bundle_run([bundle / "inference.json", fragments / "demo.json", overrides / "inference.json"], "run", console)

    console.print("[bold]4. Result[/]")
    _report(held_out, output_dir, task, console)
    console.print(f"{time.perf_counter() - started:.0f} s in all. Not a medical device; not for diagnostic use.")


def _copy(bundle: Path, output_dir: Path) -> Path:
    """The bundle without its weights among what the demo makes: an installed package stays as it is."""
    left_out = shutil.ignore_patterns("models", "eval")
    copy = output_dir / "bundle"
    return shutil.copytree(bundle, copy, ignore=left_out, copy_function=shutil.copyfile, dirs_exist_ok=True)


def _write_overrides(output_dir: Path, dataset_dir: Path, task: Task, epochs: int, held_out: Sequence[Case]) -> Path:
    """Write what distinguishes this run from the bundle and the fragment, so that it can be repeated by hand."""
    folder = output_dir / "configs"
    folder.mkdir(exist_ok=True)
    shared = {
        "num_classes": len(task.class_names) + 1,
        "image_channels": task.image_channels,
        "divide_by_plane": False,  # what holds for the hippocampus's two parts, not for the classes of another task
    }
    train = {
        **shared,
        "class_names": list(task.class_names),
        "dataset_dir": str(dataset_dir.resolve()),
        "ckpt_dir": str(output_dir.resolve() / "models"),
        "output_dir": str(output_dir.resolve() / "training"),
        "train#dataloader#batch_size": 2,
        "train#trainer#max_epochs": epochs,
    }
    inference = {
        **shared,
        "dataset_dir": str(Path(held_out[0]["image"]).resolve().parent),
        "dataset#data": [{"image": case["image"]} for case in held_out],
        "ckpt_path": str(output_dir.resolve() / "models" / "model.pt"),
        "output_dir": str(output_dir.resolve() / "segmented"),
    }
    for name, content in {"train.json": train, "inference.json": inference}.items():
        (folder / name).write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    return folder


def _bundle_run(configs: Sequence[Path], run_id: str, console: Console) -> None:
    files = "[" + ",".join(f"'{path.resolve()}'" for path in configs) + "]"
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", run_id, "--config_file", files]
    console.print(f'$ python -m monai.bundle run {run_id} --config_file "{files}"', markup=False, soft_wrap=True)
    subprocess.run(command, check=True)


def _report(held_out: Sequence[Case], output_dir: Path, task: Task, console: Console) -> None:
    """Print the Dice of every held-out case, draw it, and write the page that an evaluation has."""
    title = "Held-out cases of the demo"
    report_dir, masks = output_dir / "report", output_dir / "segmented"
    evaluation = evaluate_cases(title, held_out, task.class_names, report_dir, preds=masks)
    table = Table("case", *task.class_names, title="Dice on the held-out cases, whole volumes, native grid")
    for case in evaluation.measured:
        dice = ("absent" if result.dice is None else f"{result.dice:.3f}" for result in case.classes)
        table.add_row(case.name, *dice)
    table.add_section()
    means = (summary.metrics["dice"] for summary in evaluation.classes)
    table.add_row("mean", *("absent" if mean is None else f"{mean.mean:.3f}" for mean in means))
    console.print(table)
    for case in evaluation.problems:
        console.print(case.trouble, style="red", markup=False, soft_wrap=True)
    console.print("Pictures, segmentation solid, reference dotted, and a page with all of it:")
    page = write_report(evaluation, report_dir)[-1]
    for case in evaluation.measured:
        console.print(f"  {_draw(case, output_dir, task)}", soft_wrap=True)
    console.print(f"  {output_dir / 'training' / 'curve.png'}\n  {page}", soft_wrap=True)


def _draw(case: CaseRecord, output_dir: Path, task: Task) -> Path:
    png, problem = draw_case(case, task.class_names, f"{case.name} (not for diagnostic use)")
    if png is None:
        raise DataError([Finding(case.name, problem, "Look into the log.")])
    write_bytes(output_dir / f"{case.name}.png", png)
    return output_dir / f"{case.name}.png"
