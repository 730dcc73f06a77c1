"""What a training says before its first epoch and behind its last, and which warnings nobody reads."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import Dataset

from monai_mobileunet.handlers import EvaluationReport, TrainingReport
from monai_mobileunet.handlers.report import scores_in_words
from monai_mobileunet.harmless import HARMLESS, without_harmless_warnings


def cases(folder: Path, count: int) -> Dataset:
    names = [f"{number}.nii.gz" for number in range(count)]
    return Dataset([{"image": str(folder / "i" / name), "label": str(folder / "l" / name)} for name in names])


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "monai_mobileunet"]


@pytest.mark.parametrize("own", [True, False])
def test_a_training_says_what_it_trains_and_what_to_type_then(tmp_path: Path, caplog, own: bool):
    caplog.set_level("INFO")
    bundle, data = tmp_path / "my_bundle", tmp_path / "data"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "train.json").write_text('{"folds": 5, "limit": null}')
    checkpoints = bundle / "models" if own else tmp_path / "elsewhere"
    evaluator, trainer = Engine(lambda *_: None), Engine(lambda *_: None)
    evaluator.state.best_metric, evaluator.state.best_metric_epoch = 0.8125, 3
    TrainingReport(
        *(str(bundle), str(checkpoints), str(bundle / "eval"), str(data)),
        *(torch.nn.Linear(1000, 1000), cases(data, 4), cases(data, 2), ["head", "tail"], "cpu", 5),
        {"fold": 1, "folds": 3, "limit": None},
        evaluator,
    ).attach(trainer)
    trainer.run([0, 0], max_epochs=3)
    lines, model = ours(caplog), checkpoints / "model.pt"
    assert lines[0] == "training of my_bundle"
    assert lines[1].startswith("network: Linear, 1.00 million parameters, on cpu (")
    assert lines[2] == f"data: {data}, 4 cases to train on, 2 to validate on"
    assert lines[4] == "epochs: 3, each of 2 steps; a validation after every 5 epochs and the last"
    assert f"The model with the best mean Dice, 0.812, of epoch 3: {model}" in lines[6]
    weights, split = "" if own else f" --weights {model}", " --set folds=3"
    assert lines[8] == f"next: mobileunet evaluate {data} --bundle {bundle} --part validation --fold 1{split}{weights}"
    assert lines[9] == f"or:   mobileunet segment -i IMAGES -o MASKS -m {bundle}{weights}"


def test_a_resumed_training_says_which_epochs_are_left_and_data_of_others_have_no_folder(tmp_path: Path, caplog):
    caplog.set_level("INFO")
    trainer = Engine(lambda *_: None)
    TrainingReport(
        *("b", "b/models", "b/eval", str(tmp_path / "planned_for")),
        *(torch.nn.Linear(1, 1), cases(tmp_path / "label_server", 1), Dataset([]), ["head"], "cpu", 1),
    ).attach(trainer)
    trainer.load_state_dict({"epoch": 2, "epoch_length": 1, "max_epochs": 4})
    trainer.run([0], max_epochs=4)
    assert ours(caplog)[2] == "data: 1 case to train on, 0 to validate on"
    assert ours(caplog)[4] == "epochs: 3 to 4, each of 1 step; no validation"
    assert "The model of the last epoch" in ours(caplog)[6]
    assert ours(caplog)[8] == "next: mobileunet evaluate DATA --bundle b"


def test_an_evaluation_says_its_scores(tmp_path: Path, caplog):
    caplog.set_level("INFO")
    engine = Engine(lambda engine, batch: np.nanmean([]))
    EvaluationReport("my_bundle", str(tmp_path), "data", "validation").attach(engine)
    engine.state.metrics = {"val_mean_dice": 0.5, "head": float("nan"), "rows": [1, 2]}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        engine.run([0, 0])
        np.nanmean([])
    assert ours(caplog)[0] == "evaluation of my_bundle: 0 cases (validation) of data"
    assert ours(caplog)[-1] == f"tables of the cases: {tmp_path}"
    assert len(seen) == 1, "harmless in the evaluation, and not after it"


def test_many_scores_make_no_endless_line():
    said = scores_in_words({"val_mean_dice": 0.5, **dict.fromkeys(map(str, range(100)), 0.25)})
    assert said.startswith("mean Dice 0.500, 0 0.250")
    assert said.endswith(" and 89 more in curve.csv")


def test_each_warning_that_is_left_out_has_its_reason_and_others_pass():
    assert all(one.reason.endswith(".") and one.text for one in HARMLESS)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with without_harmless_warnings():
            warnings.warn("Mean of empty slice", RuntimeWarning, stacklevel=1)
            warnings.warn("Mean of empty slice", UserWarning, stacklevel=1)
            warnings.warn("overflow encountered in multiply", RuntimeWarning, stacklevel=1)
    assert [str(one.message) for one in seen] == ["Mean of empty slice", "overflow encountered in multiply"]
