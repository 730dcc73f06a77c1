"""The guard around a case: whatever its stages raise is the failure of that case, and ends no run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from monai_mobileunet.data import DataError

__all__ = ["Guarded", "OutputError"]

logger = logging.getLogger(__name__)


class OutputError(RuntimeError):
    """Nothing more can be written; what is finished is safe, and the same command goes on from there."""


class Guarded:
    """Something whose public methods are stages: each runs only while none has failed, and none raises.

    A subclass cannot have a stage outside of the guard, for every public method of its own becomes one. What a stage
    learns it keeps in the object; it returns nothing. Properties and private methods are left as they are.
    :meth:`end` comes after the last stage, whatever has happened.

    Args:
        name: for the log.

    Attributes:
        failure: what a stage raised; ``None`` while all went well.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.failure: Exception | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, member in list(vars(cls).items()):
            if inspect.isfunction(member) and not name.startswith("_"):
                setattr(cls, name, _stage(member))

    def end(self) -> None:
        """Say how it ended.

        Raises:
            OutputError: nothing more can be written.
        """
        self._conclude()

    def _conclude(self) -> None:
        """For a subclass to fill in; it must not touch what the stages are there to guard."""


def _stage(method: Callable[..., None]) -> Callable[..., None]:
    @wraps(method)
    def guarded(self: Guarded, *args: Any) -> None:
        if self.failure is not None:
            return
        try:
            method(self, *args)
        except OutputError:
            raise
        except Exception as error:  # any, since no case may stop the others; it is logged, reported and counted
            if not isinstance(error, DataError):
                logger.exception("%s", self.name)
            self.failure = error

    return guarded
