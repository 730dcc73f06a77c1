"""How far a training is, and how long it still takes: a line on a terminal, and a time for the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

from ignite.engine import Engine, Events
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from monai_mobileunet.planning.rules.known import minutes

__all__ = ["TrainingProgress", "seconds_left"]


def seconds_left(
    epochs: Sequence[float], validations: Sequence[float], done: int, total: int, interval: int = 0
) -> float | None:
    """How long the rest of a training takes, as long as it goes on as it did.

    Args:
        epochs: seconds of each epoch so far, without its validation; the first, which starts workers, counts only as
            long as it is alone.
        validations: seconds of each validation so far.
        done: epochs that are behind it, earlier runs of a resumed training among them.
        total: epochs of the training.
        interval: epochs between two validations, besides the one after the last; 0 without validations.

    Returns:
        Seconds; ``None`` before the first epoch has ended.
    """
    if not epochs:
        return None
    once = median(epochs[1:] or epochs)
    coming = sum(epoch % interval == 0 or epoch == total for epoch in range(done + 1, total + 1)) if interval else 0
    # until one was seen, a validation may well take as long as an epoch
    return once * (total - done) + coming * median(validations or [once])


class TrainingProgress:
    """Show one line for the whole training on a terminal: epochs done, Dice so far, time left; validation, too.

    After each epoch ``state.seconds_left`` of the trainer says how long the rest takes;
    :class:`monai_mobileunet.handlers.TrainingCurve` writes it to the log. Attach it after the validation handler and
    before that one. The line goes away before anything is logged, and where there is no terminal there is none.

    Args:
        evaluator: engine that validates.
        interval: epochs between two validations; 0 without validations.
        console: where the line is shown; by default the terminal.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        evaluator: Engine | None = None,
        interval: int = 0,
        console: Console | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.evaluator = evaluator
        self.interval = interval
        self.console = console or Console(stderr=True)
        self.clock = clock
        self._epochs: list[float] = []
        self._validations: list[float] = []
        self._epoch_started = self._validation_started = 0.0
        self._bar: tuple[Progress, TaskID] | None = None
        self._trainer: Engine | None = None

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        self._trainer = engine
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._say)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        engine.add_event_handler(Events.COMPLETED | Events.TERMINATE, self._hide)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._give_way)
        if self.evaluator is not None:
            self.evaluator.add_event_handler(Events.STARTED, self._start_validation)
            self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, self._say_validation)
            self.evaluator.add_event_handler(Events.COMPLETED, self._end_validation)

    def _start_epoch(self, engine: Engine) -> None:
        self._epoch_started = self.clock()
        if self.console.is_terminal and self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
            progress = Progress(*columns, console=self.console, transient=True)
            total = (engine.state.max_epochs or 1) * (engine.state.epoch_length or 1)
            self._bar = progress, progress.add_task("training", total=total, said="")
            progress.start()
        self._say(engine)

    def _end_epoch(self, engine: Engine) -> None:
        passed = self.clock() - self._epoch_started
        validated = self._validations[-1] if self._validation_started > self._epoch_started else 0.0
        self._epochs.append(max(0.0, passed - validated))
        engine.state.seconds_left = self._left(engine)  # type: ignore[attr-defined]  # states take anything
        self._hide()

    def _left(self, engine: Engine) -> float | None:
        total = engine.state.max_epochs or engine.state.epoch
        return seconds_left(self._epochs, self._validations, engine.state.epoch, total, self.interval)

    def _start_validation(self) -> None:
        self._validation_started = self.clock()

    def _end_validation(self) -> None:
        self._validations.append(self.clock() - self._validation_started)

    def _say_validation(self, evaluator: Engine) -> None:
        if self._trainer is not None:
            self._say(self._trainer, f"validating {evaluator.state.iteration}/{evaluator.state.epoch_length}, ")

    def _say(self, engine: Engine, doing: str = "") -> None:
        if self._bar is None:
            return
        progress, task = self._bar
        state = engine.state
        best = getattr(self.evaluator.state, "best_metric", None) if self.evaluator else None
        dice = f"Dice {best:.3f} so far, " if best is not None and best >= 0 else ""
        left = getattr(state, "seconds_left", None)
        rest = "time left is known after the first epoch"
        if left is not None:  # as it was when this epoch began
            rest = f"{minutes(max(0.0, left - (self.clock() - self._epoch_started)))} left"
        epoch = f"epoch {state.epoch}/{state.max_epochs}"
        progress.update(task, completed=state.iteration, description=epoch, said=f"{doing}{dice}{rest}")

    def _give_way(self, engine: Engine, error: BaseException) -> None:
        """Leave the terminal to the error, and the error to the others who listen: ignite drops what none raises."""
        self._hide()
        if len(engine._event_handlers[Events.EXCEPTION_RAISED]) == 1:
            raise error

    def _hide(self) -> None:
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None
