"""A network's weights at the start of a run, whatever lies around them in their file."""

from __future__ import annotations

import logging
from os import PathLike

from ignite.engine import Engine, Events
from torch import nn

from monai_mobileunet.bundle.weights import load_weights

__all__ = ["NetworkCheckpointLoader"]

logger = logging.getLogger(__name__)


class NetworkCheckpointLoader:
    """Load a network's weights when an engine starts: what :class:`monai.handlers.CheckpointLoader` does for one.

    It takes what :func:`monai_mobileunet.bundle.weights.load_weights` takes, so that a bundle run by MONAI and by this
    package loads the same files, and names what differs in one that does not fit.

    Args:
        load_path: file of the weights.
        network: gets them.
        exit_on_error: end the program with the reason alone, for MONAI would show a traceback.
    """

    def __init__(self, load_path: str | PathLike, network: nn.Module, exit_on_error: bool = False) -> None:
        self.load_path, self.network, self.exit_on_error = load_path, network, exit_on_error

    def attach(self, engine: Engine) -> None:
        """Listen to the start of an engine."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Load.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it does not fit the network.
            SystemExit: either, with ``exit_on_error``.
        """
        try:
            load_weights(self.network, self.load_path, "the config")
        except (FileNotFoundError, ValueError) as error:
            if self.exit_on_error:
                raise SystemExit(f"error: {error}") from error
            raise
        logger.info("weights of %s", self.load_path)
