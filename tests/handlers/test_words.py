from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ignite.engine import Engine, Events

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.handlers import EndsInWords


def run(folder: Path, raised: BaseException, epoch: int = 2, event: Events = Events.EPOCH_COMPLETED) -> None:
    """A training that writes a checkpoint after each epoch, and fails in one."""
    (folder / "models").mkdir(exist_ok=True)
    engine = Engine(lambda engine, batch: None)

    def fail(engine: Engine) -> None:
        if engine.state.epoch == epoch:
            raise raised
        (folder / "models" / "last_checkpoint.pt").write_text(str(engine.state.epoch))

    engine.add_event_handler(event, fail)
    EndsInWords(str(folder / "models"), str(folder / "eval")).attach(engine)
    engine.run([0], max_epochs=3)


def full(path: Path) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_a_full_disk_names_the_file_and_how_to_go_on(tmp_path: Path):
    path = tmp_path / "models" / "last_checkpoint.pt"
    with pytest.raises(SystemExit) as ended:
        run(tmp_path, full(path))
    assert str(ended.value).startswith(f"error: {path}: cannot be written (No space left on device).")
    assert "configs/resume.json" in str(ended.value)
    assert path.read_text() == "1"


def test_a_checkpoint_of_an_earlier_training_is_not_gone_on_from(tmp_path: Path):
    path = tmp_path / "models" / "last_checkpoint.pt"
    path.parent.mkdir()
    path.write_text("of another training")
    with pytest.raises(SystemExit, match="start again") as ended:
        run(tmp_path, full(tmp_path / "models" / "model.pt"), epoch=1)
    assert "resume" not in str(ended.value)


@pytest.mark.parametrize("event", [Events.EPOCH_COMPLETED, Events.ITERATION_COMPLETED, Events.EPOCH_STARTED])
def test_bad_data_deep_in_a_chain_end_it_with_their_own_words(tmp_path: Path, event: Events):
    finding = Finding("/data/a.nii.gz", "is broken.", "Restore it.")
    wrapped = RuntimeError("applying transform")
    wrapped.__cause__ = DataError([finding])
    with pytest.raises(SystemExit, match=r"^error: /data/a\.nii\.gz: is broken\. Restore it\.$"):
        run(tmp_path, wrapped, event=event)


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), ZeroDivisionError("a mistake of ours"), full(Path("/elsewhere/file"))],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("event", [Events.EPOCH_COMPLETED, Events.ITERATION_COMPLETED])
def test_what_is_not_known_passes_as_it_is(tmp_path: Path, error: BaseException, event: Events):
    with pytest.raises(type(error)):
        run(tmp_path, error, event=event)


def test_a_resumed_training_goes_on_from_the_checkpoint_that_it_came_from(tmp_path: Path):
    path = tmp_path / "models" / "last_checkpoint.pt"
    path.parent.mkdir()
    path.write_text("1")
    engine = Engine(lambda engine, batch: None)
    EndsInWords(str(path.parent), str(tmp_path / "eval")).attach(engine)

    @engine.on(Events.STARTED)
    def resume():
        engine.state.epoch, engine.state.iteration = 1, 1

    @engine.on(Events.EPOCH_COMPLETED)
    def fail():
        raise full(path)

    with pytest.raises(SystemExit, match=r"configs/resume\.json"):
        engine.run([0], max_epochs=3)
