"""The order for a worker in a process of its own: words and numbers, from which it opens the bundle itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from socket import gethostname
from typing import Any

import torch

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.case_in_hand import SCRATCH, Tools
from monai_mobileunet.cohort.dicom_output import dicom_writer
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.memory import SHARE, Budget
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.cohort.presence import unique_name
from monai_mobileunet.cohort.settings import run_settings
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.output_form import OutputForm
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["Order"]

SEEN_BY_ALL = "Mount the folder at the same place on all machines."


@dataclass(frozen=True)
class Order:
    """A run for a worker; :meth:`text` and :meth:`of_text` carry it to another process or machine.

    Attributes:
        bundle: folder of the bundle.
        changed: entries of ``inference.json`` that are not as they stand there, by their ids.
        settings: key of all that decides about voxels, the weights' hash among it; a worker that finds another refuses.
        folder: working folder of the run, from which its paths are meant.
        output: folder of the masks.
        beside: folder that holds what the run keeps.
        journal: name of the main journal.
        form: in which files the masks are written, as JSON.
        strict: whether a warning is a failure.
        pictures: whether each mask is drawn for a report.
        spacing: mm per voxel that the bundle resamples to, if it does.
        threads: CPU threads of the network.
        num_workers: threads that read and preprocess ahead; 0 does one thing after the other.
        memory: bytes that the cases in hand may take together; ``None`` for a share of what is free where it runs.
        limit: bytes that one case may take; ``None`` for all that there is where it runs.
    """

    bundle: str
    changed: Mapping[str, Any]
    settings: str
    folder: str
    output: str
    beside: str
    journal: str
    form: Mapping[str, Any]
    strict: bool
    pictures: bool
    spacing: Sequence[float] | None
    threads: int
    num_workers: int
    memory: int | None = None
    limit: int | None = None

    @property
    def postpones(self) -> bool:
        """Whether a case that is larger than the limit waits for a worker with more memory."""
        return self.limit is not None

    def shared_by(self, workers: int, free: int) -> Order:
        """The order for one of several workers on a machine.

        Args:
            workers: how many.
            free: bytes of memory that they can get together.
        """
        return replace(self, memory=int(free * SHARE / workers), limit=free // workers)

    def text(self) -> str:
        """The order as a line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Order:
        """What :meth:`text` gave.

        Raises:
            ValueError: it is none, or one of another version.
        """
        content = json.loads(text)
        if set(content) != {one.name for one in fields(cls)}:
            raise ValueError("The order is one of another version. Install the same monai_mobileunet on all machines.")
        return cls(**content)

    def open(self, show: Callable[[CaseRecord], None]) -> Tools:
        """Load the network and open a journal of this process.

        Args:
            show: called with the record of each case that has ended.

        Raises:
            DataError: this machine does not see the bundle, the weights or the output as the run does.
            FileNotFoundError, ValueError: the bundle cannot be opened here.
        """
        torch.set_num_threads(self.threads)
        if not Path(self.folder).is_dir():
            raise refusal(self.folder, f"does not exist on {gethostname()}.", SEEN_BY_ALL)
        os.chdir(self.folder)
        bundle = Bundle(self.bundle)
        bundle.parser.update(dict(self.changed))
        bundle.check()
        form = OutputForm.from_json(self.form)
        weights, settings = run_settings(bundle, self.changed, form)
        if settings != self.settings:
            problem = f"has other weights or configs on {gethostname()}, or monai_mobileunet has another version there."
            raise refusal(bundle.folder, problem, "Copy the bundle there, and install the same version.")
        plan = Plan((), Path(self.output), beside=Path(self.beside), journal=self.journal)
        if not plan.state.is_dir():
            raise refusal(plan.state, f"does not exist on {gethostname()}.", SEEN_BY_ALL)
        segmenter = Segmenter(bundle)
        segmenter.load_runtime()
        journal = Journal(plan.state / self.journal, claim=None, own=True)
        return Tools(
            plan,
            segmenter,
            journal,
            Budget(self.memory, self.limit),
            self.settings,
            self.strict,
            self.spacing,
            self.pictures,
            show,
            f"{SCRATCH}/{unique_name()}",
            dicom=dicom_writer(bundle, weights, form),
        )
