"""Validation every so many epochs that does not miss the last one."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.handlers import ValidationHandler

from monai_mobileunet.harmless import without_harmless_warnings

__all__ = ["EpochValidationHandler"]


class EpochValidationHandler(ValidationHandler):
    """Validate every ``interval`` epochs, and after the last.

    :class:`monai.handlers.ValidationHandler` leaves out the last epoch where the interval does not divide the
    number of epochs, and with it what a decaying learning rate gains at the end.

    Args:
        interval: epochs between two validations, from 1 up.
        validator: evaluator to run.
    """

    def __init__(self, interval: int, validator: Evaluator | None = None) -> None:
        super().__init__(interval=interval, validator=validator, epoch_level=True)

    def attach(self, engine: Engine) -> None:
        """Add the handler to a trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED(event_filter=self._is_due), self)

    def __call__(self, engine: Engine) -> None:
        """Validate."""
        with without_harmless_warnings():
            super().__call__(engine)

    def _is_due(self, engine: Engine, epoch: int) -> bool:
        return epoch % self.interval == 0 or epoch == engine.state.max_epochs
