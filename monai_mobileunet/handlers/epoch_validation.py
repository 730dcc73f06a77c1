"""Validation every so many epochs that does not miss the last one."""

from __future__ import annotations

import warnings

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.handlers import ValidationHandler

__all__ = ["EpochValidationHandler"]

OF_ABSENT_CLASSES = "Mean of empty slice|All-NaN (slice|axis) encountered|Degrees of freedom <= 0"
"""What NumPy warns of, where a summary has nothing but NaN."""


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
        """Validate. Means of nothing, those of a class that no case has, are NaN, and NumPy need not warn of them."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", OF_ABSENT_CLASSES, RuntimeWarning)
            super().__call__(engine)

    def _is_due(self, engine: Engine, epoch: int) -> bool:
        return epoch % self.interval == 0 or epoch == engine.state.max_epochs
