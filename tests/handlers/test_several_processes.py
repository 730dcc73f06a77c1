from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events

from monai_mobileunet.handlers import SharedStatistics, checkpoint_if_any

BATCHES = torch.randn(2, 3, 4, 2, 5, 5, generator=torch.Generator().manual_seed(0))
"""Of two ranks, three steps of each."""


def statistics_after_an_epoch(rank: int, batches: torch.Tensor, early: Path) -> tuple[torch.Tensor, ...]:
    """Running mean, variance and count as a handler sees them that was attached before and acts when the epoch ends."""
    norm, seen = torch.nn.BatchNorm2d(2), []
    trainer = Engine(lambda _, batch: norm(batch))
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.extend(value.clone() for value in norm.buffers()))
    SharedStatistics(norm).attach(trainer)
    trainer.run(list(batches))
    if rank == 0:
        early.touch()  # the others may look before the first does
    return (*seen, torch.tensor(checkpoint_if_any(str(early if rank else early.parent / "none")) is None))


def test_running_statistics_are_those_of_all_processes_when_an_epoch_ends(tmp_path: Path, in_processes: Any):
    ranks = in_processes(2, lambda rank: statistics_after_an_epoch(rank, BATCHES[rank], tmp_path / "last.pt"))
    for one, other in zip(*ranks, strict=True):
        assert torch.equal(one, other)
    joined = statistics_after_an_epoch(0, BATCHES.transpose(0, 1).flatten(1, 2), tmp_path / "last.pt")
    mean, variance, count, nothing_to_go_on_from = ranks[0]
    torch.testing.assert_close(mean, joined[0], rtol=0, atol=1e-6)
    assert variance == pytest.approx(joined[1], rel=0.02), "but for the variance between the processes' means"
    assert count == 3
    assert nothing_to_go_on_from, "the first process decides for all"


def test_a_checkpoint_that_is_there_is_gone_on_from(tmp_path: Path):
    path = tmp_path / "last.pt"
    assert checkpoint_if_any(str(path)) is None
    path.touch()
    assert checkpoint_if_any(str(path)) == str(path)
