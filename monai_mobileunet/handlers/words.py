"""How a training ends when it cannot go on: with a sentence, where we know what to say."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from monai_mobileunet.data.errors import find_data_error
from monai_mobileunet.data.writing import NO_RIGHT, OUTPUT_LOST

__all__ = ["EndsInWords", "end_in_words"]

NOT_WRITTEN = OUTPUT_LOST | NO_RIGHT | {errno.EFBIG, errno.ENOENT, errno.ENOTDIR}
"""What a file system says when a file cannot be written, whatever this program does."""


def end_in_words(message: str, everywhere: bool = True) -> NoReturn:
    """End the program with a message alone. ``SystemExit`` passes through MONAI's config parser, as errors do not.

    Args:
        message: whole sentences.
        everywhere: whether only this process of several knows of it; otherwise the first speaks for all.
    """
    if everywhere or idist.get_rank() == 0:
        raise SystemExit(f"error: {message}")
    raise SystemExit(1)


class EndsInWords:
    """End a training with one sentence in place of a traceback, where the data cannot be used or the disk is full.

    Other errors pass as they are. Nothing is caught that the training could go on after.

    Args:
        ckpt_dir: folder of the checkpoints.
        output_dir: folder of the curves and logs.
        checkpoint: name of the file that a training is resumed from.
    """

    def __init__(self, ckpt_dir: str, output_dir: str, checkpoint: str = "last_checkpoint.pt") -> None:
        self.folders = (Path(ckpt_dir), Path(output_dir))
        self.checkpoint = Path(ckpt_dir) / checkpoint
        self._before: int | None = None
        self._first = True

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._end)

    def _start(self) -> None:
        self._before, self._first = self._written(), True

    def _start_epoch(self, engine: Engine) -> None:
        # not when the run starts: a checkpoint may be loaded by a handler that comes later
        if self._first and engine.state.epoch > 1:
            self._before = None  # resumed: the file is this training's own
        self._first = False

    def _end(self, engine: Engine, error: BaseException) -> None:
        message = self.explain(error)
        if message is None:
            raise error
        raise SystemExit(f"error: {message}") from error

    def explain(self, error: BaseException) -> str | None:
        """The sentence for an error; ``None`` for one that the authors of the program have to see."""
        if not isinstance(error, Exception):
            return None
        known = find_data_error(error)
        if known is not None:
            return str(known)
        if isinstance(error, torch.OutOfMemoryError):
            return (
                "the GPU has too little memory for this training. "
                f"Type --train#dataloader#batch_size with a smaller number. {self._how_to_go_on()}"
            )
        chained: BaseException | None = error
        while chained is not None and not isinstance(chained, OSError):
            chained = chained.__cause__ or chained.__context__
        if isinstance(chained, OSError) and chained.errno in NOT_WRITTEN and self._is_ours(chained.filename):
            path = chained.filename or self.folders[1]
            return f"{path}: cannot be written ({chained.strerror}). {self._how_to_go_on()}"
        return None

    def _is_ours(self, path: object) -> bool:
        """Whether a file is one that the training writes; a failed write names none."""
        if path is None:
            return True
        parents = Path(str(path)).resolve().parents
        return any(folder.resolve() in parents for folder in self.folders)

    def _how_to_go_on(self) -> str:
        written = self._written()
        if written is None or written == self._before:
            return "Make room or name another --ckpt_dir and --output_dir, and start again."
        return (
            f"{self.checkpoint} of the last finished epoch is whole: make room, then type the same command with "
            "configs/resume.json as the last file of --config_file."
        )

    def _written(self) -> int | None:
        return self.checkpoint.stat().st_mtime_ns if self.checkpoint.is_file() else None
