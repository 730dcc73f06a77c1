from __future__ import annotations

import csv
import logging
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from PIL import Image

from monai_mobileunet.handlers import TrainingCurve


@pytest.fixture
def train(tmp_path: Path):
    """Run a trainer whose loss is 1/iteration, validated every second epoch with Dice epoch/10."""

    def run(max_epochs: int, start_epoch: int = 0) -> Engine:
        trainer = Engine(lambda engine, batch: [{"loss": 1 / engine.state.iteration}])
        evaluator = Engine(lambda engine, batch: None)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.25)

        @trainer.on(Events.EPOCH_COMPLETED(every=2))
        def validate():
            evaluator.run([0])
            evaluator.state.metrics = {"mean_dice": trainer.state.epoch / 10, "per_class": {"head": 0.1}}
            evaluator.state.best_metric, evaluator.state.best_metric_epoch = 0.2, 2

        @evaluator.on(Events.COMPLETED)
        def note():
            evaluator.state.metrics = {"mean_dice": trainer.state.epoch / 10}

        if start_epoch:
            state = {"epoch": start_epoch, "epoch_length": 2, "max_epochs": max_epochs}
            trainer.load_state_dict(state)
        TrainingCurve(str(tmp_path / "out"), evaluator, optimizer).attach(trainer)
        trainer.run([0, 0], max_epochs=max_epochs)
        return trainer

    return run


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "curve.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_epoch_is_a_row_and_validation_stands_in_its_own_epoch(tmp_path: Path, train):
    train(4)
    table = rows(tmp_path / "out")
    assert [row["epoch"] for row in table] == ["1", "2", "3", "4"]
    assert [row["mean_dice"] for row in table] == ["", "0.2", "", "0.4"]
    assert float(table[0]["loss"]) == pytest.approx(0.75)
    assert {row["learning_rate"] for row in table} == {"0.25"}


def test_the_picture_can_be_opened(tmp_path: Path, train):
    train(2)
    with Image.open(tmp_path / "out" / "curve.png") as picture:
        assert picture.size == (900, 400)
        assert len(picture.convert("RGB").getcolors(100_000) or []) > 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["curve.csv", "curve.png", "training.log"]


def test_a_resumed_run_appends_and_a_new_one_begins_anew(tmp_path: Path, train):
    train(2)
    train(4, start_epoch=2)
    assert [row["epoch"] for row in rows(tmp_path / "out")] == ["1", "2", "3", "4"]
    assert [row["mean_dice"] for row in rows(tmp_path / "out")] == ["", "0.2", "", "0.4"]
    train(1)
    assert [row["epoch"] for row in rows(tmp_path / "out")] == ["1"]


def test_a_line_per_epoch_is_logged(train, caplog):
    caplog.set_level("INFO")
    train(4)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch ")]
    assert lines[0].startswith("epoch 1/4: loss 0.75; ")
    assert lines[1].startswith("epoch 2/4: loss 0.2917, mean Dice 0.200 (best); ")
    assert "; best 0.200 in epoch 2; " in lines[2]
    assert "mean Dice 0.400; best 0.200 in epoch 2; " in lines[3], "the evaluator says which is the best"


def test_the_log_file_has_the_run_s_lines_and_is_closed_after_it(train, tmp_path: Path):
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.setLevel("INFO")
    try:
        train(2)
        train(4, start_epoch=2)
    finally:
        root.setLevel(level)
    text = (tmp_path / "out" / "training.log").read_text()
    assert [line.split("epoch ")[1][:3] for line in text.splitlines() if ": epoch " in line] == [
        "1/2",
        "2/2",
        "3/4",
        "4/4",
    ]
    assert root.handlers == before
