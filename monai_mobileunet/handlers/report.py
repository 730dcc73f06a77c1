"""What a training or an evaluation says before it begins and when it is done."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.utils import is_scalar

from monai_mobileunet.bundle.json_files import read_json
from monai_mobileunet.bundle.weights import unwrapped
from monai_mobileunet.data.errors import list_some
from monai_mobileunet.harmless import without_harmless_warnings
from monai_mobileunet.planning.rules.known import minutes
from monai_mobileunet.wording import counted

__all__ = ["EvaluationReport", "TrainingReport", "best_score", "scores_in_words"]

logger = logging.getLogger("monai_mobileunet")

KEYS = ("label", "image")
"""Of a case: images may lie elsewhere where labels were rewritten."""

FOLD = "fold"
NO_SPLIT: Mapping[str, Any] = {}

MOST_CLASSES = 12
"""More Dice than these make no line; they stand in the tables."""


def scores_in_words(metrics: Mapping[str, Any]) -> str:
    """The metrics of a validation for a line: ``mean Dice 0.871, anterior 0.880, posterior 0.862``."""
    scores = {name: float(value) for name, value in metrics.items() if is_scalar(value)}
    words = {name: name.removeprefix("val_").replace("_dice", " Dice") for name in scores}
    shown = [f"{words[name]} {_score(value)}" for name, value in scores.items()]
    return list_some(shown, MOST_CLASSES, " and {} more in curve.csv")


def best_score(engine: Engine | None) -> tuple[float, int] | None:
    """The best score of an evaluator so far and its epoch, which is not known (-1) of some that are resumed."""
    state = getattr(engine, "state", None)
    score, epoch = getattr(state, "best_metric", None), getattr(state, "best_metric_epoch", None)
    return None if score is None or score < 0 else (float(score), int(-1 if epoch is None else epoch))


def _score(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


class TrainingReport:
    """Log what is trained before the first epoch, and behind the last one where everything lies and what to type.

    Attach it before :class:`monai_mobileunet.handlers.TrainingCurve`, which keeps the log of a training.

    Args:
        bundle_root: folder of the bundle.
        ckpt_dir: folder of the checkpoints.
        output_dir: folder of the curves and logs.
        dataset_dir: folder of the data set.
        network: that is trained.
        training: data set of the training.
        validation: data set of the validation.
        class_names: of the classes from 1 on.
        device: that trains.
        interval: epochs between two validations.
        split: settings that say which cases validate, ``fold`` among them, by their id in ``train.json``; what was
            changed on the command line has to be typed again for an evaluation.
        evaluator: engine that validates.
    """

    def __init__(
        self,
        bundle_root: str,
        ckpt_dir: str,
        output_dir: str,
        dataset_dir: str,
        network: torch.nn.Module,
        training: Sequence,
        validation: Sequence,
        class_names: Sequence[str],
        device: str | torch.device,
        interval: int,
        split: Mapping[str, Any] = NO_SPLIT,
        evaluator: Engine | None = None,
    ) -> None:
        self.root, self.ckpt_dir, self.output_dir = Path(bundle_root), Path(ckpt_dir), Path(output_dir)
        self.dataset_dir, self.network, self.class_names = dataset_dir, network, class_names
        self.training, self.validation, self.device = training, validation, torch.device(device)
        self.interval, self.split, self.evaluator = interval, dict(split), evaluator
        self._started: float | None = None

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.STARTED, self._reset)
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.COMPLETED, self._end)

    def _reset(self) -> None:
        self._started = None

    def _begin(self, engine: Engine) -> None:
        # not when the run starts: a checkpoint may be loaded by a handler that comes later
        if self._started is not None:
            return
        self._started = time.perf_counter()
        network = unwrapped(self.network)
        millions = sum(one.numel() for one in network.parameters()) / 1e6
        state, held = engine.state, len(self.validation)
        epochs = f"epochs: {state.max_epochs}" if state.epoch == 1 else f"epochs: {state.epoch} to {state.max_epochs}"
        often = "each" if self.interval == 1 else f"every {self.interval} epochs and the last"
        often = f"a validation after {often}" if held else "no validation"
        for line in (
            f"training of {self.root.name}",
            f"network: {type(network).__name__}, {millions:.2f} million parameters, on {_device(self.device)}",
            f"data: {self._place(', ')}{counted(len(self.training), 'case')} to train on, {held} to validate on",
            f"classes: {list_some(list(self.class_names), MOST_CLASSES)}",
            f"{epochs}, each of {counted(state.epoch_length or 0, 'step')}; {often}",
            f"output: {self.ckpt_dir / 'model.pt'}, and log, curves and tables in {self.output_dir}",
        ):
            logger.info("%s", line)

    def _place(self, end: str = "") -> str:
        """The folder of the data, where the cases are of it; MONAI Label gives others."""
        root = Path(self.dataset_dir).resolve()
        cases = getattr(self.training, "data", ())
        files = (str(case[key][0] if isinstance(case[key], list) else case[key]) for case in cases for key in KEYS)
        return f"{self.dataset_dir}{end}" if any(root in Path(file).resolve().parents for file in files) else ""

    def _validation_options(self) -> str:
        """The options with which ``mobileunet evaluate`` finds the same validation cases."""
        config = self.root / "configs" / "train.json"
        known = read_json(config) if config.is_file() else {}
        changed = [
            f" --set {key}={value}" for key, value in self.split.items() if key != FOLD and known.get(key) != value
        ]
        return f" --part validation --fold {self.split.get(FOLD, 0)}{''.join(changed)}"

    def _end(self) -> None:
        took = minutes(time.perf_counter() - (self._started or time.perf_counter()))
        best, model = best_score(self.evaluator), self.ckpt_dir / "model.pt"
        of = "of the last epoch" if best is None else f"with the best mean Dice, {best[0]:.3f}"
        of += f", of epoch {best[1]}" if best and best[1] > 0 else ""
        own = self.ckpt_dir.resolve() == (self.root / "models").resolve()
        weights = "" if own else f" --weights {model}"
        part = self._validation_options() if len(self.validation) else ""
        for line in (
            f"trained in {took}. The model {of}: {model}",
            f"curves: {self.output_dir / 'curve.png'}, {self.output_dir / 'curve.csv'}; log: "
            f"{self.output_dir / 'training.log'}",
            f"next: mobileunet evaluate {self._place() or 'DATA'} --bundle {self.root}{part}{weights}",
            f"or:   mobileunet segment -i IMAGES -o MASKS -m {self.root}{weights}",
        ):
            logger.info("%s", line)


class EvaluationReport:
    """Log what is evaluated before the first case, and the scores and where they lie after the last one.

    Args:
        bundle_root: folder of the bundle.
        output_dir: folder of the tables.
        dataset_dir: folder of the data set.
        part: which of its cases are evaluated.
    """

    def __init__(self, bundle_root: str, output_dir: str, dataset_dir: str, part: str) -> None:
        self.root, self.output_dir, self.dataset_dir, self.part = Path(bundle_root), Path(output_dir), dataset_dir, part
        self._quiet = ExitStack()

    def attach(self, engine: Engine) -> None:
        """Listen to an evaluator."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.COMPLETED, self._end)

    def _begin(self, engine: Engine) -> None:
        self._quiet.enter_context(without_harmless_warnings())
        cases = counted(len(getattr(engine.state.dataloader, "dataset", ())), "case")
        logger.info("evaluation of %s: %s (%s) of %s", self.root.name, cases, self.part, self.dataset_dir)

    def _end(self, engine: Engine) -> None:
        self._quiet.close()
        logger.info("%s", scores_in_words(engine.state.metrics))
        logger.info("tables of the cases: %s", self.output_dir)


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({counted(torch.get_num_threads(), 'thread')})" if device.type == "cpu" else str(device)
