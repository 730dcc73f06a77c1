from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.handlers import MeanDice, MetricsSaver, from_engine

from monai_mobileunet.engines import SharedEvaluator


def cases(count: int) -> list[dict[str, Any]]:
    """Labels of two classes, of which every third case lacks the second, and images that are bad predictions."""
    made = []
    for number in range(count):
        random = np.random.RandomState(number)
        label = random.randint(0, 2 if number % 3 == 2 else 3, (1, 6, 6, 2 + number))
        image = np.where(random.uniform(size=label.shape) < 0.8, label, random.randint(0, 3, label.shape))
        meta = {"filename_or_obj": f"case_{number}"}
        made.append({"image": MetaTensor(np.eye(3, dtype=np.float32)[image[0]].transpose(3, 0, 1, 2), meta=meta)})
        made[-1]["label"] = torch.as_tensor(np.eye(3, dtype=np.float32)[label[0]].transpose(3, 0, 1, 2))
    return made


def evaluated(count: int, folder: Path, engine: type[SupervisedEvaluator] = SharedEvaluator) -> dict[str, Any]:
    """Metrics of a validation as a bundle has it, of this process's share of the cases."""
    data = Dataset(cases(count))
    sampler = range(idist.get_rank(), count, idist.get_world_size())
    dice = {"include_background": False, "output_transform": from_engine(["pred", "label"])}
    per_class = MeanDice(**dice, reduction="mean_batch", return_with_label=["first", "second"])
    evaluator = engine(
        device="cpu",
        val_data_loader=DataLoader(data, batch_size=1, sampler=sampler),
        network=torch.nn.Identity(),
        key_val_metric={"mean": MeanDice(**dice)},
        additional_metrics={"per_class": per_class},
        val_handlers=[
            MetricsSaver(
                str(folder),
                metrics=["mean"],
                metric_details=["per_class"],
                batch_transform=lambda batch: [item["image"].meta for item in batch],
                delimiter=",",
            )
        ],
    )
    for epoch in (1, 2):  # the second has to forget what the first gathered
        evaluator.run(global_epoch=epoch)
    state = evaluator.state
    numbers = {name: value for name, value in state.metrics.items() if isinstance(value, float)}
    return {**numbers, "best": state.best_metric, "best_epoch": state.best_metric_epoch, "epoch": state.epoch}


def table(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "per_class_raw.csv").open(newline="") as file:
        return sorted(tuple(row.values()) for row in csv.DictReader(file))


@pytest.mark.parametrize("count", [1, 2, 5], ids=["two ranks idle", "one rank idle", "uneven shares"])
def test_three_processes_measure_what_one_does(count: int, tmp_path: Path, in_processes):
    alone = evaluated(count, tmp_path / "one", SupervisedEvaluator)
    for metrics in in_processes(3, lambda rank: evaluated(count, tmp_path / "three")):
        assert metrics == pytest.approx(alone, abs=1e-6)
    assert 0 < alone["mean"] < 1
    assert {"first", "second"} <= set(alone)
    assert len(table(tmp_path / "three")) == count, "each case once, and a process without any adds none"
    assert table(tmp_path / "three") == table(tmp_path / "one")


def test_without_any_case_it_does_nothing_as_monai_s(tmp_path: Path, in_processes):
    with pytest.warns(UserWarning, match="empty"):
        alone = evaluated(0, tmp_path)
    assert in_processes(2, lambda rank: evaluated(0, tmp_path)) == [alone] * 2
