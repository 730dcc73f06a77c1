"""What a training by several processes needs besides DistributedDataParallel."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import ignite.distributed as idist
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from torch import nn

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.handlers.words import end_in_words

__all__ = ["SharedStatistics", "checkpoint_if_any"]

PATIENCE = 90.0  # s
"""For a file that another machine wrote: Linux asks NFS anew what is in a folder after 60 s at the latest."""

POLL = 0.1  # s


class SharedStatistics:
    """Give all processes the mean of their running statistics after the last iteration of each epoch.

    Each process normalises by the statistics of its own batch, and gathers running ones of its own part of the data.
    DistributedDataParallel would send those of the first process to the others, which forgets what these have seen.
    The running mean is a weighted sum of the batches' means, so that the mean over the processes is what one process
    would have had with their joined batches; the running variance lacks the variance between the processes' means.
    :class:`torch.nn.SyncBatchNorm` joins the batches themselves, for two more exchanges in each layer and step, and
    does not run on a CPU.

    It acts before the handlers of the epoch's end, whichever of them were attached first: what is validated and saved
    is the same in every process. One process alone is left as it is.

    Args:
        network: whose buffers of floating point are shared.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED(event_filter=self._ends_epoch), self)

    def __call__(self, engine: Engine) -> None:
        """Share the statistics."""
        buffers = [buffer for buffer in self.network.buffers() if buffer.is_floating_point()]
        if idist.get_world_size() == 1 or not buffers:
            return
        joined = torch.cat([buffer.detach().flatten().double() for buffer in buffers])
        dist.all_reduce(joined)
        mean = joined / idist.get_world_size()
        for buffer, values in zip(buffers, mean.split([buffer.numel() for buffer in buffers]), strict=True):
            buffer.copy_(values.view_as(buffer))

    def _ends_epoch(self, engine: Engine, iteration: int) -> bool:
        return iteration % (engine.state.epoch_length or 1) == 0


def checkpoint_if_any(path: str, patience: float = PATIENCE) -> str | None:
    """The checkpoint to go on from, where there is one, for a command that a scheduler repeats.

    The first process looks for all: on a network file system another may not see a file yet, and would begin anew
    while the others go on. It waits until it sees it.

    Args:
        path: where a training leaves its checkpoint.
        patience: seconds that a process waits for a file that the first one sees.

    Returns:
        ``path``; ``None`` where there is no such file.

    Raises:
        SystemExit: the first process sees the file, and this one does not.
    """
    if not idist.broadcast(float(Path(path).is_file()), src=0):
        return None
    end = time.monotonic() + patience
    while not Path(path).is_file():
        if time.monotonic() > end:
            problem = f"is there for the first process, and not on {socket.gethostname()} after {patience:g} s."
            remedy = "Name a folder that all machines see with --ckpt_dir, or start anew without continue.json."
            end_in_words(str(refusal(path, problem, remedy)))
        time.sleep(POLL)
    return path
