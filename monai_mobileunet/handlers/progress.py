"""How far a training or an evaluation is, and how long it still takes: bars on a terminal, and a time for the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from statistics import median

from ignite.engine import Engine, Events
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn

from monai_mobileunet.bars import LoggedProgress
from monai_mobileunet.planning.rules.known import minutes
from monai_mobileunet.wording import counted

__all__ = ["CaseProgress", "TrainingProgress", "seconds_left"]

logger = logging.getLogger("monai_mobileunet")

FIRST_STEPS = 5
"""Steps after which a training says how long it will take."""


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


class _Bars:
    """Bars that are there as long as an engine runs."""

    def __init__(self, console: Console | None) -> None:
        self.console = console  # one of our own is made when it is needed: it cannot be copied, and handlers can
        self._shown: LoggedProgress | None = None

    def attach(self, engine: Engine) -> None:
        """Take the bars away when an engine ends, however it does."""
        engine.add_event_handler(Events.COMPLETED | Events.TERMINATE | Events.INTERRUPT, self._hide)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._give_way)

    def _bars(self) -> LoggedProgress | None:
        console = self.console or Console(stderr=True)
        if self._shown is None and console.is_terminal:
            said = TextColumn("{task.fields[said]}")
            columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), said)
            self._shown = LoggedProgress(*columns, console=console)
            self._shown.start()
        return self._shown

    def _give_way(self, engine: Engine, error: BaseException) -> None:
        """Leave the terminal to the error, and the error to the others who listen: ignite drops what none raises."""
        self._hide()
        if len(engine._event_handlers[Events.EXCEPTION_RAISED]) == 1:
            raise error

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


class CaseProgress(_Bars):
    """A bar over the cases of an evaluation or an inference, on a terminal.

    Args:
        doing: what is done to them.
        console: where the bar is shown; by default the terminal.
    """

    def __init__(self, doing: str, console: Console | None = None) -> None:
        super().__init__(console)
        self.doing = doing
        self._task = TaskID(0)

    def attach(self, engine: Engine) -> None:
        """Listen to an evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._advance)
        super().attach(engine)

    def _start(self, engine: Engine) -> None:
        if (bars := self._bars()) is not None:
            self._task = bars.add_task(self.doing, total=engine.state.epoch_length, said="")

    def _advance(self) -> None:
        if self._shown is not None:
            self._shown.advance(self._task)


class TrainingProgress(_Bars):
    """Show how far a training is on a terminal: its steps, the best score so far, time left; validations, too.

    After each epoch ``state.seconds_left`` of the trainer says how long the rest takes;
    :class:`monai_mobileunet.handlers.TrainingCurve` writes it to the log. The first steps tell how long the whole will
    take, for the log, too. Attach it after the validation handler and before the curve. What is logged meanwhile stands
    above the bars, and where there is no terminal there are none.

    Args:
        evaluator: engine that validates.
        interval: epochs between two validations; 0 without validations.
        console: where the bars are shown; by default the terminal.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        evaluator: Engine | None = None,
        interval: int = 0,
        console: Console | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(console)
        self.evaluator = evaluator
        self.interval = interval
        self.clock = clock
        self._epochs: list[float] = []
        self._validations: list[float] = []
        self._epoch_started = self._validation_started = 0.0
        self._steps: list[float] = []
        self._expected: float | None = None
        self._training: TaskID | None = None
        self._validating: TaskID | None = None

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        super().attach(engine)
        if self.evaluator is not None:
            self.evaluator.add_event_handler(Events.STARTED, self._start_validation)
            self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, self._say_validation)
            self.evaluator.add_event_handler(Events.COMPLETED, self._end_validation)

    def _start_epoch(self, engine: Engine) -> None:
        self._epoch_started, self._steps = self.clock(), []
        if (bars := self._bars()) is not None and self._training is None:
            total = (engine.state.max_epochs or 1) * (engine.state.epoch_length or 1)
            self._training = bars.add_task("", total=total, said="")
        self._say(engine)

    def _end_step(self, engine: Engine) -> None:
        self._steps.append(self.clock())
        length = engine.state.epoch_length or 1
        if self._expected is None and not self._epochs and len(self._steps) == min(FIRST_STEPS, length):
            first, last, count = self._epoch_started, self._steps[-1], len(self._steps)
            if count > 1:  # the first step starts workers and plans convolutions
                first, count = self._steps[0], count - 1
            total = engine.state.max_epochs or engine.state.epoch
            epoch = (last - first) / count * length
            self._expected = seconds_left([epoch], [0.0], engine.state.epoch - 1, total, self.interval) or 0.0
            steps = counted(len(self._steps), "step") if len(self._steps) > 1 else "step"
            without = ", validations aside" if self.interval else ""
            logger.info("expected time: about %s%s, by the first %s", minutes(self._expected), without, steps)
        self._say(engine)

    def _end_epoch(self, engine: Engine) -> None:
        passed = self.clock() - self._epoch_started
        validated = self._validations[-1] if self._validation_started > self._epoch_started else 0.0
        self._epochs.append(max(0.0, passed - validated))
        total = engine.state.max_epochs or engine.state.epoch
        left = seconds_left(self._epochs, self._validations, engine.state.epoch, total, self.interval)
        engine.state.seconds_left = left  # type: ignore[attr-defined]  # states take anything

    def _start_validation(self, evaluator: Engine) -> None:
        self._validation_started = self.clock()
        if self._shown is not None:
            self._validating = self._shown.add_task("validating", total=evaluator.state.epoch_length, said="")

    def _end_validation(self) -> None:
        self._validations.append(self.clock() - self._validation_started)
        if self._shown is not None and self._validating is not None:
            self._shown.remove_task(self._validating)
            self._validating = None

    def _say_validation(self) -> None:
        if self._shown is not None and self._validating is not None:
            self._shown.advance(self._validating)

    def _say(self, engine: Engine) -> None:
        if self._shown is None or self._training is None:
            return
        state = engine.state
        best = getattr(self.evaluator.state, "best_metric", None) if self.evaluator else None
        words = [f"best {best:.3f}"] if best is not None and best >= 0 else []
        left = getattr(state, "seconds_left", self._expected)  # as it was when this epoch began
        if left is not None:
            words.append(f"{minutes(max(0.0, left - (self.clock() - self._epoch_started)))} left")
        description = f"epoch {state.epoch}/{state.max_epochs}"
        self._shown.update(self._training, completed=state.iteration, description=description, said=", ".join(words))

    def _hide(self) -> None:
        super()._hide()
        self._training = self._validating = None
