"""A training says how far it is and how long the rest takes."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path

import pytest
from ignite.engine import Engine, Events
from rich.console import Console

from monai_mobileunet.handlers import TrainingCurve, TrainingProgress
from monai_mobileunet.handlers.progress import seconds_left


@pytest.mark.parametrize(
    ("epochs", "validations", "done", "total", "interval", "expected"),
    [
        ([], [], 0, 10, 2, None),
        ([30.0], [], 1, 3, 0, 60.0),
        ([30.0, 10.0, 10.0], [], 3, 5, 0, 20.0),
        ([10.0, 10.0], [4.0], 2, 5, 2, 30 + 2 * 4),
        ([10.0], [], 7, 10, 5, 30 + 10),
        ([10.0, 10.0], [4.0], 5, 5, 5, 0.0),
    ],
    ids=["nothing yet", "one epoch", "the first is slow", "validations at 4 and 5", "resumed", "done"],
)
def test_the_rest_takes_as_long_as_epochs_and_validations_so_far(epochs, validations, done, total, interval, expected):
    assert seconds_left(epochs, validations, done, total, interval) == expected


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_for_the_whole_training_and_the_time_left_in_the_log(terminal: bool, tmp_path: Path, caplog):
    now = [0.0]

    def step(engine: Engine, batch: object) -> list[dict[str, float]]:
        now[0] += 5
        return [{"loss": 1.0}]

    trainer, evaluator = Engine(step), Engine(step)
    evaluator.state.best_metric, evaluator.state.best_metric_epoch = -1, -1

    @trainer.on(Events.EPOCH_COMPLETED(every=2))
    def validate() -> None:
        evaluator.run([0])
        if trainer.state.epoch == 2:
            evaluator.state.best_metric, evaluator.state.best_metric_epoch = 0.8125, 2

    shown = StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120)
    TrainingProgress(evaluator, 2, console, lambda: now[0]).attach(trainer)
    TrainingCurve(str(tmp_path), evaluator).attach(trainer)
    with caplog.at_level(logging.INFO):
        trainer.run([0, 0], max_epochs=4)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch ")]
    assert lines[0].endswith("; 50 s left"), "three epochs, and two validations that may take as long"
    assert lines[2].endswith("; best 0.8125 in epoch 2; 15 s left")
    assert "left" not in lines[3]
    assert lines[2] in (tmp_path / "training.log").read_text()
    if terminal:
        for said in ("Dice 0.812 so far, 15 s left", "validating 1/1, ", "after the first epoch"):
            assert said in shown.getvalue()
    else:
        assert shown.getvalue() == ""


def test_an_error_passes_and_takes_the_line_away():
    def fail(engine: Engine, batch: object) -> None:
        raise ValueError("no such file")

    trainer, shown = Engine(fail), StringIO()
    TrainingProgress(console=Console(file=shown, force_terminal=True)).attach(trainer)
    with pytest.raises(ValueError, match="no such file"):
        trainer.run([0])
    assert shown.getvalue().endswith("\x1b[2K"), "the line is cleared"
