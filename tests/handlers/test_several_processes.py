from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events

from monai_mobileunet.handlers import SharedStatistics, check_checkpoint, checkpoint_if_any

BATCHES = torch.randn(2, 3, 4, 2, 5, 5, generator=torch.Generator().manual_seed(0))
"""Of two ranks, three steps of each."""

NETWORK = torch.nn.Linear(2, 3)


def statistics_after_an_epoch(batches: torch.Tensor) -> list[torch.Tensor]:
    """Running mean, variance and count as a handler sees them that was attached before and acts when the epoch ends."""
    norm, seen = torch.nn.BatchNorm2d(2), []
    trainer = Engine(lambda _, batch: norm(batch))
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.extend(value.clone() for value in norm.buffers()))
    SharedStatistics(norm).attach(trainer)
    trainer.run(list(batches))
    return seen


def found_by_a_rank(rank: int, folder: Path) -> list[str | None]:
    """What a process says of a checkpoint that it alone sees, does not see yet, or does not see at all."""
    none, there, late = (str(folder / name) for name in ("none.pt", "last.pt", "late.pt"))
    found = [checkpoint_if_any(there if rank else none)]
    timer = threading.Timer(0.2, Path(late).touch)
    timer.start()
    found.append(checkpoint_if_any(late if rank else there, 30))
    timer.join()
    found.append(end_of(lambda: checkpoint_if_any(none if rank else there, 0.2)))
    found.append(end_of(lambda: check_checkpoint(none if rank else there, NETWORK)))
    found.append(end_of(lambda: check_checkpoint(none, NETWORK)))
    return found


def end_of(function: Callable[[], str | None]) -> str | None:
    try:
        return function()
    except SystemExit as ended:
        return str(ended)


def test_running_statistics_are_those_of_all_processes_when_an_epoch_ends(tmp_path: Path, in_processes: Any):
    torch.save(NETWORK.state_dict(), tmp_path / "last.pt")
    ranks = in_processes(2, lambda rank: (statistics_after_an_epoch(BATCHES[rank]), found_by_a_rank(rank, tmp_path)))
    (first, found), (second, found_by_the_second) = ranks
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    joined = statistics_after_an_epoch(BATCHES.transpose(0, 1).flatten(1, 2))
    mean, variance, count = first
    torch.testing.assert_close(mean, joined[0], rtol=0, atol=1e-6)
    assert variance == pytest.approx(joined[1], rel=0.02), "but for the variance between the processes' means"
    assert count == 3

    there = str(tmp_path / "last.pt")
    *others, last = found
    assert others == [None, there, there, None]
    nowhere = f"error: {tmp_path / 'none.pt'}: no such file"
    assert last.startswith(nowhere)
    decided, waited, refused, unchecked, silent = found_by_the_second
    assert decided is None, "the first process decides for all"
    assert waited == str(tmp_path / "late.pt")
    assert refused.startswith(f"error: {tmp_path / 'none.pt'}: is there for the first process, and not on")
    assert "--ckpt_dir" in refused
    assert unchecked.startswith(nowhere), "the first has nothing to say"
    assert silent == "1", "the first has said it"


def test_a_checkpoint_that_is_there_is_gone_on_from(tmp_path: Path):
    path = tmp_path / "last.pt"
    assert checkpoint_if_any(str(path)) is None
    path.touch()
    assert checkpoint_if_any(str(path)) == str(path)
