"""Train networks one after the other by a bundle's recipe, and measure what came of each."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from monai.bundle import ConfigParser

from benchmarks.accuracy.cost import seconds_per_case, volume_macs
from benchmarks.accuracy.peers import OURS, PUBLISHED, dynunet_macs, network_override
from benchmarks.networks import PEERS
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.evaluate import evaluate_cases
from monai_mobileunet.data.files import hash_file, write_json
from monai_mobileunet.evaluation.summary import Estimate, estimate
from monai_mobileunet.planning.probe import time_training
from monai_mobileunet.planning.rules.budget import epochs_within
from monai_mobileunet.reports.evaluation_report import write_report
from monai_mobileunet.segmentation import Segmenter

__all__ = ["AccuracyRow", "compare_networks"]

TIMED_CASES = 12

logger = logging.getLogger(__name__)
ShowStep = Callable[[str], None]


@dataclass(frozen=True)
class AccuracyRow:
    """What came of one network.

    Attributes:
        network: its name.
        dice: mean over the validation cases, by class.
        cases: how many of them were measured.
        macs: multiply-accumulates per volume, mean over the validation cases.
        parameters: of the network; ``None`` for a published result.
        seconds: from file to file, median; ``None`` likewise.
        training_seconds: by the clock, validation included; ``None`` likewise.
        source: of a published result.
        case_dice: mean over a case's classes, by the case's name; none of a published result.
    """

    network: str
    dice: dict[str, float]
    cases: int
    macs: float
    parameters: int | None = None
    seconds: float | None = None
    training_seconds: float | None = None
    source: str = ""
    case_dice: dict[str, float] = field(default_factory=dict)

    @property
    def mean_dice(self) -> float:
        """Over the classes."""
        return float(np.mean(list(self.dice.values())))

    def difference_to(self, other: AccuracyRow) -> Estimate | None:
        """By how much the Dice of a case is higher than that of another network; ``None`` where they share none.

        The interval takes cases as independent: it is too narrow where a subject has several.
        """
        shared = [self.case_dice[name] - other.case_dice[name] for name in self.case_dice if name in other.case_dice]
        return estimate(shared, np.random.default_rng(0))


def compare_networks(
    bundle: Path,
    dataset: Path,
    output: Path,
    networks: Sequence[str] = (OURS, *PEERS),
    epochs: int | None = None,
    budget: float | None = None,
    fold: int = 0,
    overrides: dict[str, Any] | None = None,
    show_step: ShowStep = lambda text: None,
) -> list[AccuracyRow]:
    """Train and measure each network; what an earlier run finished of that is taken from it.

    To measure trained networks again, on a machine that is idle now, remove their ``row.json``.

    Args:
        bundle: folder whose recipe, classes and split are used. A bundle is code: only one you trust.
        dataset: folder of the data set.
        output: folder for everything: a subfolder for each network, and ``results.json``.
        networks: :data:`OURS` or keys of :data:`PEERS`.
        epochs: how long each is trained; ``None`` as the recipe says.
        budget: seconds for each training instead: steps of each network are timed beforehand, and it gets as many
            epochs as fit.
        fold: which part of the bundle's split validates.
        overrides: further changes to the recipe, by id.
        show_step: gets a line before each step.

    Returns:
        A row for each network, then one for what was published of another kind, where the project knows of it.

    Raises:
        ValueError: a network that is none of them.
        subprocess.CalledProcessError: a training failed; its log is named.
    """
    unknown = [name for name in networks if name not in (OURS, *PEERS)]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join((OURS, *PEERS))}.")
    settings = {
        "bundle": str(bundle.resolve()),
        "configs": {name: hash_file(bundle / "configs" / name) for name in ("train.json", "inference.json")},
        "dataset": str(dataset.resolve()),
        "epochs": epochs,
        "budget": budget,
        "fold": fold,
        "overrides": overrides or {},
    }
    rows = []
    for name in networks:
        folder = output / name.replace(" ", "_").replace("'", "")
        known = _read(folder / "row.json", settings)
        if known is not None:
            row = AccuracyRow(**known["row"])
        else:
            changes = {**(overrides or {}), **network_override(name)}
            trained = _read(folder / "training.json", settings)
            if trained is None:
                given = epochs
                if budget is not None:
                    show_step(f"{name}: timing")
                    given = _epochs_within(budget, bundle, dataset, changes, fold)
                show_step(f"{name}: training{f' for {given} epochs' if given else ''}")
                trained = {"epochs": given, "seconds": _train(bundle, dataset, folder, changes, given, fold)}
                _write(folder / "training.json", {"settings": settings, **trained})
            show_step(f"{name}: measuring")
            row = _measure(name, bundle, dataset, folder, changes, fold, trained["seconds"])
            if row.cases < len(Bundle(bundle).cases(dataset, "validation", fold, changes)):
                show_step(f"{name}: only {row.cases} cases could be measured, see {folder / 'cases.csv'}")
            _write(folder / "row.json", {"settings": settings, "row": asdict(row)})
        rows.append(row)
        show_step(f"{name}: {', '.join(f'{label} {dice:.4f}' for label, dice in row.dice.items())}")
    rows += _published(bundle, dataset, fold, overrides or {})
    _write(output / "results.json", {"settings": settings, "rows": [asdict(row) for row in rows]})
    return rows


def _read(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What an earlier run with the same settings left there."""
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if content["settings"] == settings else None


def _epochs_within(budget: float, bundle: Path, dataset: Path, changes: dict[str, Any], fold: int) -> int:
    opened = Bundle(bundle)
    trained, validated = (opened.cases(dataset, part, fold, changes) for part in ("training", "validation"))
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "train.json"))
    parser.update({"bundle_root": str(bundle), "dataset_dir": str(dataset), **changes})
    costs = time_training(parser, trained[len(trained) // 2])
    return max(1, epochs_within(budget, costs, len(trained), len(validated)))


def _train(bundle: Path, dataset: Path, folder: Path, changes: dict[str, Any], epochs: int | None, fold: int) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "dataset_dir": str(dataset.resolve()),
        "ckpt_dir": str((folder / "models").resolve()),
        "output_dir": str((folder / "training").resolve()),
        "fold": fold,
        **({"train#trainer#max_epochs": epochs, "val_interval": epochs} if epochs else {}),
    }
    override = folder / "override.json"
    _write(override, {**changes, **settings})
    files = repr([str((bundle / "configs" / "train.json").resolve()), str(override.resolve())])
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "training", "--config_file", files]
    started = time.perf_counter()
    with (folder / "train.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        tail = (folder / "train.log").read_text(encoding="utf-8").splitlines()[-5:]
        logger.error("training failed, see %s:\n%s", folder / "train.log", "\n".join(tail))
        done.check_returncode()
    return time.perf_counter() - started


def _measure(
    name: str, bundle: Path, dataset: Path, folder: Path, changes: dict[str, Any], fold: int, training: float
) -> AccuracyRow:
    opened = Bundle(bundle)
    known = set(opened.parser.get())
    opened.parser.update({key: value for key, value in changes.items() if key.split("#")[0] in known})
    opened.parser.update({"device": "cpu", "ckpt_path": str(folder / "models" / "model.pt")})
    cases = opened.cases(dataset, "validation", fold, changes)
    images = [Path(case["image"]) for case in cases]
    segmenter = Segmenter(opened)
    evaluation = evaluate_cases(name, cases, opened.class_names, folder, bundle=opened, changed=changes)
    write_report(evaluation, folder)
    dice = {}
    for summary in evaluation.classes:
        estimate = summary.metrics["dice"]
        if estimate is None:
            raise ValueError(f"{name}: no validation case has a Dice of {summary.name}; see {folder / 'cases.csv'}.")
        dice[summary.name] = estimate.mean
    return AccuracyRow(
        network=name,
        dice=dice,
        cases=len(evaluation.measured),
        macs=float(np.mean(volume_macs(opened, segmenter.network, images))),
        parameters=sum(parameter.numel() for parameter in segmenter.network.parameters()),
        seconds=seconds_per_case(segmenter, images[:TIMED_CASES]),
        training_seconds=training,
        case_dice=_case_dice(evaluation.measured),
    )


def _case_dice(cases: Sequence[CaseRecord]) -> dict[str, float]:
    """Mean over the classes of a case, without those that its reference lacks."""
    results = {case.name: case.comparison.results.values() if case.comparison else () for case in cases}
    values = {name: [one.dice for one in found if one.dice is not None] for name, found in results.items()}
    return {name: float(np.mean(found)) for name, found in values.items() if found}


def _published(bundle: Path, dataset: Path, fold: int, overrides: dict[str, Any]) -> list[AccuracyRow]:
    published = PUBLISHED.get(bundle.resolve().name)
    if published is None:
        return []
    opened = Bundle(bundle)
    shapes = [nibabel.load(case["image"]).shape[:3] for case in opened.cases(dataset, "validation", fold, overrides)]  # type: ignore[attr-defined]
    names = opened.class_names
    macs = float(np.mean(dynunet_macs(published, shapes, len(names) + 1)))
    dice = dict(zip(names, published.dice, strict=True))
    return [AccuracyRow(published.name, dice, published.cases, macs, source=published.source)]


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)
