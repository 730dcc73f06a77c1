"""What a researcher watches during training: a line, a table row and a picture per epoch."""

from __future__ import annotations

import csv
import logging
import math
import time
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from monai.handlers import from_engine
from monai.utils import is_scalar

from monai_mobileunet.data.files import replace_file
from monai_mobileunet.handlers.report import best_score, scores_in_words
from monai_mobileunet.planning.rules.known import minutes

__all__ = ["TrainingCurve"]

logger = logging.getLogger("monai_mobileunet")


class TrainingCurve:
    """Log one line per epoch, and keep ``curve.csv`` and ``curve.png`` in the output folder up to date.

    While the trainer runs, everything that is logged also goes to ``training.log`` in that folder.
    The line has the best score so far, too, and with :class:`monai_mobileunet.handlers.TrainingProgress` the time left.
    A row has the epoch, its seconds, the mean training loss, the learning rate, and the metrics of the last
    validation if there was one in that epoch. A resumed run appends to its earlier rows. Attach it after the
    validation handler, so that the metrics are those of the same epoch.

    Args:
        output_dir: folder for the three files, made if missing.
        evaluator: engine whose ``state.metrics`` are the validation metrics.
        optimizer: whose first group's learning rate is noted.
    """

    def __init__(
        self, output_dir: str, evaluator: Engine | None = None, optimizer: torch.optim.Optimizer | None = None
    ) -> None:
        self.output_dir = Path(output_dir)
        self.evaluator = evaluator
        self.optimizer = optimizer
        self.rows: list[dict[str, float]] = []
        self._losses: list[float] = []
        self._validated = 0
        self._started = 0.0
        self._log_file: _LogFile | None = None

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer whose output has a loss."""
        engine.add_event_handler(Events.STARTED, self._open_log)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._note_loss)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        engine.add_event_handler(Events.COMPLETED | Events.TERMINATE, self._close_log)
        if self.evaluator is not None:
            self.evaluator.add_event_handler(Events.COMPLETED, self._note_validation)

    def _open_log(self) -> None:
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self._log_file = _LogFile(self.output_dir / "training.log", encoding="utf-8")
        self._log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self._log_file)

    def _close_log(self) -> None:
        if self._log_file is not None:
            logging.getLogger().removeHandler(self._log_file)
            self._log_file.close()
            self._log_file = None

    def _start_epoch(self, engine: Engine) -> None:
        # Not when the run starts: a checkpoint's epoch may be loaded by a handler that comes later.
        if not self.rows and engine.state.epoch > 1:
            self.rows = [row for row in read_curve(self.output_dir / "curve.csv") if row["epoch"] < engine.state.epoch]
        self._losses, self._validated, self._started = [], 0, time.perf_counter()

    def _note_loss(self, engine: Engine) -> None:
        self._losses.append(float(from_engine(["loss"], first=True)(engine.state.output)))

    def _note_validation(self, engine: Engine) -> None:
        self._validated = engine.state.iteration

    def _end_epoch(self, engine: Engine) -> None:
        row = {"epoch": float(engine.state.epoch), "seconds": time.perf_counter() - self._started}
        row["loss"] = sum(self._losses) / max(1, len(self._losses))
        if self.optimizer is not None:
            row["learning_rate"] = float(self.optimizer.param_groups[0]["lr"])
        said = [f"loss {row['loss']:.4g}"]
        best = best_score(self.evaluator)
        if self.evaluator is not None and self._validated:
            metrics = self.evaluator.state.metrics
            row |= {name: float(value) for name, value in metrics.items() if is_scalar(value)}
            said.append(scores_in_words(metrics) + (" (best)" if best and best[1] == engine.state.epoch else ""))
        if best and best[1] != engine.state.epoch:
            said[-1] += f"; best {best[0]:.3f}" + (f" in epoch {best[1]}" if best[1] > 0 else " before")
        left = getattr(engine.state, "seconds_left", None)  # where a handler before this one knows
        passed = minutes(row["seconds"]) + (f", {minutes(left)} left" if left else "")
        self.rows.append(row)
        logger.info(f"epoch {engine.state.epoch}/{engine.state.max_epochs}: {', '.join(said)}; {passed}")
        write_curve(self.rows, self.output_dir / "curve.csv")
        draw_curve(self.rows, self.output_dir / "curve.png")


class _LogFile(logging.FileHandler):
    """A log that leaves a full disk to those who write what is worth more, in place of a traceback for each line."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def read_curve(path: Path) -> list[dict[str, float]]:
    """Read rows that :func:`write_curve` wrote, NaN for what is empty; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) if value else math.nan for name, value in row.items()} for row in rows]


def write_curve(rows: list[dict[str, float]], path: Path) -> None:
    """Write the rows as CSV, with the union of their columns; a value that an epoch lacks stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with replace_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items() if not math.isnan(value)} for row in rows)


def draw_curve(rows: list[dict[str, float]], path: Path) -> None:
    """Draw loss and metrics over the epochs as PNG."""
    from matplotlib.figure import Figure  # a second to import, and only training needs it

    figure = Figure(figsize=(9, 4), layout="constrained")
    loss_axes, metric_axes = figure.subplots(1, 2)
    loss_axes.plot([row["epoch"] for row in rows], [row["loss"] for row in rows], marker=".")
    loss_axes.set(title="training loss", xlabel="epoch")
    names = dict.fromkeys(name for row in rows for name in row)
    for name in names:
        points = [(row["epoch"], row[name]) for row in rows if not math.isnan(row.get(name, math.nan))]
        if points and name not in ("epoch", "seconds", "loss", "learning_rate"):
            metric_axes.plot(*zip(*points, strict=True), marker=".", label=name)
    if metric_axes.lines:
        metric_axes.legend()
    metric_axes.set(title="validation", xlabel="epoch")
    for axes in (loss_axes, metric_axes):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    with replace_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
