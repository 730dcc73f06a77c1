import pytest
from ignite.engine import Engine
from monai.engines import SupervisedEvaluator
from torch import nn

from monai_mobileunet.handlers import EpochValidationHandler


class Validator(SupervisedEvaluator):
    """A real evaluator that notes the epochs in which it was asked to run."""

    def __init__(self):
        super().__init__(device="cpu", val_data_loader=[], network=nn.Identity())
        self.epochs = []

    def run(self, global_epoch: int = 1) -> None:
        self.epochs.append(global_epoch)


@pytest.mark.parametrize(
    ("interval", "max_epochs", "expected"),
    [(5, 8, [5, 8]), (5, 10, [5, 10]), (1, 3, [1, 2, 3]), (10, 4, [4]), (3, 1, [1])],
)
def test_every_interval_and_the_last(interval, max_epochs, expected):
    validator, trainer = Validator(), Engine(lambda engine, batch: None)
    EpochValidationHandler(interval, validator).attach(trainer)
    trainer.run([0], max_epochs=max_epochs)
    assert validator.epochs == expected


def test_last_epoch_of_a_resumed_training():
    validator, trainer = Validator(), Engine(lambda engine, batch: None)
    EpochValidationHandler(5, validator).attach(trainer)
    trainer.run([0], max_epochs=2)
    trainer.run([0], max_epochs=7)
    assert validator.epochs == [2, 5, 7]
