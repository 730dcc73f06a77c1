"""What a run over images can be asked for, and what that changes in a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.changes import check_changes
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.output_form import DEFAULT_FORM, OutputForm
from monai_mobileunet.runtimes.table import RUNTIMES

__all__ = ["LOCAL", "SegmentOptions", "bundle_changes", "split_names"]


LOCAL = "local"
"""In place of a scheduler's address: a Dask cluster on this machine, as long as the run."""


@dataclass(frozen=True)
class SegmentOptions:
    """The options of ``mobileunet segment``; its ``--help`` says what each sets."""

    source: Path
    output: Path
    bundle: Path
    reference: Path | None = None
    form: OutputForm = DEFAULT_FORM
    fast: bool = False
    tta: bool | None = None
    runtime: str | None = None
    device: str | None = None
    threads: int | None = None
    num_workers: int = 1
    batch_size: int | None = None
    weights: Path | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    workers: int | None = None
    scheduler: str | None = None
    emitted: bool = False
    strict: bool = False
    overwrite: bool = False
    bids: bool = False
    participants: tuple[str, ...] = ()
    bids_suffix: str | None = None
    num_parts: int | None = None
    part_id: int | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether other machines segment: those of a cluster, or of a script that is written now."""
        return self.emitted or self.scheduler not in (None, LOCAL)


def bundle_changes(options: SegmentOptions, bundle: Bundle) -> dict[str, Any]:
    """The options as entries of ``inference.json``, by their ids.

    Args:
        options: what was asked for.
        bundle: as it stands in its folder.

    Raises:
        ValueError: a runtime, a device or an entry that there is not, or mirrored passes where classes have sides.
    """
    parser = bundle.parser
    changed: dict[str, Any] = {}
    if options.runtime is not None and options.runtime not in RUNTIMES:
        raise ValueError(f"--runtime is {options.runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    if options.fast:
        cheapest = {"mirror_axes": [], "planes": [parser.get("planes", ["axial"])[0]], "out_step": "@out_slices"}
        changed |= {key: value for key, value in cheapest.items() if key in parser}
    if options.tta is not None:
        axes = parser.get("tta_axes", [])
        if options.tta and not axes:
            raise ValueError(f"--tta: {bundle.folder.name} names no axis (tta_axes) along which no class has a side.")
        changed["mirror_axes"] = axes if options.tta else []
    if options.runtime is not None:
        changed["runtime"] = options.runtime
    if options.device is not None:
        changed["device"] = _device(options.device, options.elsewhere)
    if options.batch_size is not None:
        changed["slice_inferer#sw_batch_size"] = options.batch_size
    if options.weights is not None:
        changed["ckpt_path"] = str(options.weights.resolve())
    check_changes(bundle.folder, options.overrides)
    return {**changed, **options.overrides}


def split_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Names of the files of single classes.

    Raises:
        DataError: two classes would have one file, on Windows and macOS at least, where case does not count.
    """
    names = tuple("".join(c if c.isalnum() or c in "-." else "_" for c in name) for name in class_names)
    if len({name.casefold() for name in names}) != len(names):
        problem = f"two classes have one file name: {names}."
        raise DataError([Finding("a file for each class", problem, "Rename a class.")])
    return names


def _device(name: str, elsewhere: bool) -> str:
    """PyTorch's name of a device; ``gpu`` and ``gpu:1`` are understood as TotalSegmentator has them."""
    try:
        device = torch.device(name.replace("gpu", "cuda"))
    except RuntimeError as error:
        raise ValueError(f"--device {name}: no such device. Use cpu, cuda, or cuda:1 for the second GPU.") from error
    if device.type == "cuda" and not elsewhere and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: PyTorch finds no GPU here. Use cpu, or install a build with CUDA.")
    return str(device)
