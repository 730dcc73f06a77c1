from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events

from monai_mobileunet.handlers import AtomicCheckpointSaver


@pytest.fixture
def network() -> torch.nn.Module:
    return torch.nn.Linear(2, 2)


def evaluator(scores: list[float]) -> Engine:
    """An engine whose epoch k ends with the k-th score."""
    engine = Engine(lambda engine, batch: None)
    engine.add_event_handler(
        Events.EPOCH_COMPLETED, lambda: engine.state.metrics.update(score=scores[engine.state.epoch - 1])
    )
    return engine


def best_saver(folder: Path, network: torch.nn.Module) -> AtomicCheckpointSaver:
    return AtomicCheckpointSaver(
        str(folder), {"model": network}, save_key_metric=True, key_metric_name="score", key_metric_filename="model.pt"
    )


def test_the_best_model_is_a_plain_state_dict_of_the_best_epoch(tmp_path: Path, network):
    engine = evaluator([0.2, 0.8, 0.5])

    @engine.on(Events.EPOCH_STARTED)
    def mark():
        with torch.no_grad():
            network.bias.fill_(engine.state.epoch)

    best_saver(tmp_path, network).attach(engine)
    engine.run([0], max_epochs=3)
    weights = torch.load(tmp_path / "model.pt", weights_only=True)
    assert set(weights) == {"weight", "bias"}
    assert weights["bias"].tolist() == [2.0, 2.0]
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"], "no temporary file is left"


def test_a_resumed_run_does_not_replace_the_best_model_by_a_worse_one(tmp_path: Path, network):
    first = best_saver(tmp_path, network)
    engine = evaluator([0.9])
    first.attach(engine)
    engine.run([0], max_epochs=1)
    engine.state.best_metric_epoch = 7
    before = (tmp_path / "model.pt").read_bytes()

    torch.save({"best": first.state_dict()}, tmp_path / "last.pt")
    resumed = best_saver(tmp_path, torch.nn.Linear(2, 2))
    resumed.load_state_dict(torch.load(tmp_path / "last.pt", weights_only=True)["best"])
    engine = evaluator([0.4])
    resumed.attach(engine)
    engine.run([0], max_epochs=1)
    assert (tmp_path / "model.pt").read_bytes() == before

    assert engine.state.best_metric == pytest.approx(0.9), "and the engine calls nothing less the best"
    assert engine.state.best_metric_epoch == 7

    engine = evaluator([0.95])
    resumed.attach(engine)
    engine.run([0], max_epochs=1)
    assert (tmp_path / "model.pt").read_bytes() != before


def test_the_last_checkpoint_has_one_name_and_the_engine_s_state(tmp_path: Path, network):
    engine = Engine(lambda engine, batch: None)
    optimizer = torch.optim.AdamW(network.parameters())
    AtomicCheckpointSaver(
        str(tmp_path),
        {"model": network, "optimizer": optimizer},
        engine_name="trainer",
        interval_filename="last_checkpoint.pt",
        save_interval=1,
        n_saved=1,
    ).attach(engine)
    engine.run([0, 0], max_epochs=3)
    assert [path.name for path in tmp_path.iterdir()] == ["last_checkpoint.pt"]
    checkpoint = torch.load(tmp_path / "last_checkpoint.pt", weights_only=True)
    assert set(checkpoint) == {"model", "optimizer", "trainer"}
    assert checkpoint["trainer"]["iteration"] == 6


def test_numbered_checkpoints_are_removed_when_they_are_too_many(tmp_path: Path, network):
    engine = Engine(lambda engine, batch: None)
    AtomicCheckpointSaver(str(tmp_path), {"model": network}, save_interval=1, n_saved=2).attach(engine)
    engine.run([0], max_epochs=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model_epoch=3.pt", "model_epoch=4.pt"]


def test_a_failure_while_writing_leaves_the_old_file_and_no_rest(tmp_path: Path, network, monkeypatch):
    saver = best_saver(tmp_path, network)
    engine = evaluator([0.1, 0.2])
    saver.attach(engine)
    engine.run([0], max_epochs=1)
    before = (tmp_path / "model.pt").read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    engine = evaluator([0.2])
    saver.attach(engine)
    with pytest.raises(OSError, match="No space left"):
        engine.run([0], max_epochs=1)
    assert (tmp_path / "model.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_others_may_read_the_file_as_the_umask_says(tmp_path: Path, network):
    old = os.umask(0o022)
    try:
        engine = evaluator([0.1])
        best_saver(tmp_path, network).attach(engine)
        engine.run([0], max_epochs=1)
    finally:
        os.umask(old)
    assert (tmp_path / "model.pt").stat().st_mode & 0o777 == 0o644


def test_a_model_from_before_is_kept_once_and_those_of_this_training_replace_each_other(tmp_path: Path, network):
    (tmp_path / "model.pt").write_bytes(b"shipped with the bundle")
    engine = evaluator([0.2, 0.8, 0.9])
    best_saver(tmp_path, network).attach(engine)
    engine.run([0], max_epochs=3)
    digest = hashlib.sha256(b"shipped with the bundle").hexdigest()[:8]
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", f"model_{digest}.pt"}
    assert (tmp_path / f"model_{digest}.pt").read_bytes() == b"shipped with the bundle"
    assert set(torch.load(tmp_path / "model.pt", weights_only=True)) == {"weight", "bias"}


def test_a_resumed_run_does_not_keep_its_own_best_model(tmp_path: Path, network):
    first = best_saver(tmp_path, network)
    engine = evaluator([0.5])
    first.attach(engine)
    engine.run([0], max_epochs=1)
    resumed = best_saver(tmp_path, network)
    resumed.load_state_dict(first.state_dict())
    engine = evaluator([0.9])
    resumed.attach(engine)
    engine.run([0], max_epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_run_resumed_before_its_first_validation_keeps_the_model_from_before(tmp_path: Path, network):
    (tmp_path / "model.pt").write_bytes(b"shipped with the bundle")
    resumed = best_saver(tmp_path, network)
    resumed.load_state_dict(best_saver(tmp_path, network).state_dict())
    engine = evaluator([0.9])
    resumed.attach(engine)
    engine.run([0], max_epochs=1)
    assert len(list(tmp_path.glob("model_*.pt"))) == 1


def test_a_final_model_is_a_plain_state_dict_and_the_one_before_is_kept(tmp_path: Path, network):
    """As a bundle trains that has nothing to validate on."""
    before = b"shipped"
    (tmp_path / "model.pt").write_bytes(before)
    saver = AtomicCheckpointSaver(str(tmp_path), {"model": network}, save_final=True, final_filename="model.pt")
    engine = Engine(lambda engine, batch: None)
    saver.attach(engine)
    engine.run([0], max_epochs=2)
    assert set(torch.load(tmp_path / "model.pt", weights_only=True)) == {"weight", "bias"}
    assert (tmp_path / f"model_{hashlib.sha256(before).hexdigest()[:8]}.pt").read_bytes() == before
