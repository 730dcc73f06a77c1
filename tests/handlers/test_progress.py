"""A training says how far it is and how long the rest takes."""

from __future__ import annotations

import logging
import re
from io import StringIO
from pathlib import Path

import pytest
from ignite.engine import Engine, Events
from rich.console import Console

from monai_mobileunet.handlers import CaseProgress, TrainingCurve, TrainingProgress
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


class Terminal(StringIO):
    """What is written to it can be read; logging takes it for a terminal."""

    def isatty(self) -> bool:
        return True


def shown_lines(terminal: StringIO) -> list[str]:
    """All that stood in a line of its own at some time, without codes of colours and places."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()))


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_for_training_and_validation_and_each_line_of_the_log_above_them(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    now = [0.0]

    def step(engine: Engine, batch: object) -> list[dict[str, float]]:
        now[0] += 5
        return [{"loss": 1.0}]

    trainer, evaluator = Engine(step), Engine(step)
    evaluator.state.best_metric, evaluator.state.best_metric_epoch = -1, -1

    @trainer.on(Events.EPOCH_COMPLETED(every=2))
    def validate() -> None:
        logger.warning("in the middle of it")
        evaluator.run([0])
        if trainer.state.epoch == 2:
            evaluator.state.best_metric, evaluator.state.best_metric_epoch = 0.8125, 2

    shown = Terminal() if terminal else StringIO()
    logger, handler = logging.getLogger("monai_mobileunet"), logging.StreamHandler(shown)
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    console = Console(file=shown, force_terminal=terminal, width=120)
    TrainingProgress(evaluator, 2, console, lambda: now[0]).attach(trainer)
    TrainingCurve(str(tmp_path), evaluator).attach(trainer)
    trainer.run([0, 0], max_epochs=4)

    said = [line.strip() for line in shown_lines(shown)]
    logged = [line for line in said if line.startswith(("epoch", "expected", "in the")) and "━" not in line]
    assert len(logged) == 7, "none behind a bar"
    assert logged[0] == "expected time: about 40 s, validations aside, by the first 2 steps"
    assert logged[1].endswith(", 50 s left")
    assert "; best 0.812 in epoch 2; " in logged[4]
    assert logged[4].endswith(", 15 s left")
    assert "left" not in logged[6]
    assert handler.stream is shown, "given back"
    assert logged[4] in (tmp_path / "training.log").read_text()
    bars = [line for line in said if "━" in line]
    if terminal:
        for words in ("epoch 3/4", "8/8 best 0.812, 5 s left", "validating ", "0/1"):
            assert any(words in line for line in bars), words
    else:
        assert not bars


@pytest.mark.parametrize("terminal", [True, False])
def test_an_inference_has_a_bar_over_its_cases(terminal: bool):
    engine, shown = Engine(lambda engine, batch: None), StringIO()
    CaseProgress("segmenting", Console(file=shown, force_terminal=terminal, width=120)).attach(engine)
    engine.run([0, 0, 0])
    assert any("segmenting" in line and "3/3" in line for line in shown_lines(shown)) == terminal
    assert terminal or shown.getvalue() == ""


def test_an_error_passes_and_takes_the_line_away():
    def fail(engine: Engine, batch: object) -> None:
        raise ValueError("no such file")

    trainer, shown = Engine(fail), StringIO()
    TrainingProgress(console=Console(file=shown, force_terminal=True)).attach(trainer)
    with pytest.raises(ValueError, match="no such file"):
        trainer.run([0])
    assert shown.getvalue().endswith("\x1b[2K"), "the line is cleared"
