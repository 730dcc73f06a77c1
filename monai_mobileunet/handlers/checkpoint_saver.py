"""Checkpoints that are never half-written and that can be resumed from, the best score included."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from ignite.handlers.checkpoint import BaseSaveHandler
from monai.handlers import CheckpointSaver

from monai_mobileunet.data.files import write_bytes

__all__ = ["AtomicCheckpointSaver"]

BEST_EPOCH = "best_metric_epoch"
"""Of the state of MONAI's evaluators, and of the saved state of their best score."""

logger = logging.getLogger(__name__)


class AtomicCheckpointSaver(CheckpointSaver):
    """:class:`monai.handlers.CheckpointSaver` with whole files, fixed names, and a state of its own.

    - A file is written next to its place and moved there, so a kill leaves the old one.
    - The checkpoint saved at intervals can have a fixed name (``interval_filename``), so that resuming needs
      no search.
    - A best or final model that an earlier training left, or that came with a bundle, is kept under a name with its
      hash when the first of this training takes its place.
    - :meth:`state_dict` holds the best score so far. Saved with the last checkpoint (as a further entry of its
      ``save_dict``) and loaded with it, it keeps a resumed run from replacing the best model by a worse one,
      while the best model's file stays a plain state dict. The engine knows that score from then on, too, so that
      nothing is called the best that is not.

    Args:
        save_dir: folder of the checkpoints, made if missing.
        save_dict: objects with ``state_dict``, by name. A single one is saved as a plain state dict.
        engine_name: save the state of the engine that this is attached to, too, under this name. (A config
            cannot name its trainer in its trainer's own handlers.)
        interval_filename: name of the checkpoint that ``save_interval`` writes; ``None`` numbers them by epoch.
        kwargs: as for :class:`monai.handlers.CheckpointSaver`.
    """

    def __init__(
        self,
        save_dir: str,
        save_dict: dict,
        engine_name: str | None = None,
        interval_filename: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(save_dir=save_dir, save_dict=dict(save_dict), **kwargs)
        self.engine_name = engine_name
        self._engine: Engine | None = None
        self._resumed: tuple[float, int] | None = None
        names = {
            "_final_checkpoint": kwargs.get("final_filename"),
            "_key_metric_checkpoint": kwargs.get("key_metric_filename"),
            "_interval_checkpoint": interval_filename,
        }
        for attribute, filename in names.items():
            checkpoint = getattr(self, attribute)
            if checkpoint is not None:
                keep = attribute != "_interval_checkpoint"
                checkpoint.save_handler = AtomicFileSaver(save_dir, filename, keep)

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer or an evaluator."""
        if self.engine_name is not None:
            self.save_dict[self.engine_name] = engine
        self._engine = engine
        super().attach(engine)
        self._tell_the_best()

    def state_dict(self) -> dict[str, Any]:
        """The list of the best scores with their files, and the epoch of the best."""
        if self._key_metric_checkpoint is None:
            return {}
        epoch = getattr(self._engine.state, BEST_EPOCH, -1) if self._engine is not None else -1
        return {**self._key_metric_checkpoint.state_dict(), BEST_EPOCH: epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up a list of best scores that :meth:`state_dict` gave; a file that it names is this training's own."""
        checkpoint = self._key_metric_checkpoint
        if state_dict.get("_saved") and checkpoint is not None and isinstance(checkpoint.save_handler, AtomicFileSaver):
            checkpoint.save_handler.keep_existing = False
            best = max(score for score, _ in state_dict["_saved"])
            self._resumed = best, state_dict.get(BEST_EPOCH, -1)
            self._tell_the_best()
        super().load_state_dict(dict(state_dict))

    def _tell_the_best(self) -> None:
        """Let a resumed engine know what the best score was, by which MONAI's judges the next."""
        if self._engine is not None and self._resumed is not None:
            self._engine.state.best_metric, epoch = self._resumed  # type: ignore[attr-defined]  # states take anything
            setattr(self._engine.state, BEST_EPOCH, epoch)


class AtomicFileSaver(BaseSaveHandler):
    """Write a checkpoint to a temporary file in the same folder, then move it into place, on rank 0 only.

    Args:
        save_dir: the folder.
        filename: fixed name; ``None`` takes the name that the checkpoint comes with.
        keep_existing: keep a file that has the fixed name before the first checkpoint, under a name with its hash.
    """

    def __init__(self, save_dir: str, filename: str | None = None, keep_existing: bool = False) -> None:
        self.save_dir = Path(save_dir)
        self.filename = filename
        self.keep_existing = keep_existing

    def __call__(self, checkpoint: Mapping, filename: str, metadata: Mapping | None = None) -> None:
        if idist.get_rank() != 0:
            return
        target = self.save_dir / (self.filename or filename)
        content = io.BytesIO()
        torch.save(checkpoint, content)  # to memory: torch calls a full disk a RuntimeError without a name
        try:
            self.save_dir.mkdir(parents=True, exist_ok=True)
            self._keep(target)
            write_bytes(target, content.getbuffer())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(target)) from error

    def _keep(self, target: Path) -> None:
        if self.filename is not None and self.keep_existing and target.is_file():
            content = target.read_bytes()
            kept = target.with_name(f"{target.stem}_{hashlib.sha256(content).hexdigest()[:8]}{target.suffix}")
            if not kept.exists():
                write_bytes(kept, content)  # not moved: killed in between, there would be no model at all
            logger.warning("%s was there before this training; kept as %s.", target, kept.name)
        self.keep_existing = False

    def remove(self, filename: str) -> None:
        """Remove an old numbered checkpoint; a fixed name is replaced, never removed."""
        if idist.get_rank() == 0 and self.filename is None:
            (self.save_dir / filename).unlink(missing_ok=True)
