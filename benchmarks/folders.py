"""A folder of volumes from file to file: images per second and memory, ours and MONAI's own run of the bundle."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import psutil

from monai_mobileunet.data import read_volume

__all__ = ["FolderTiming", "measure_folder", "write_large_volume"]

LARGE_SHAPE = (512, 512, 1000)
EXECUTORS = ("", "--workers 1", "--workers 2", "--workers 4", "--scheduler local --workers 2")
"""Options of the runs whose engines are compared; the first is one process."""

POLL = 0.05  # s
ShowStep = Callable[[str], None]


@dataclass(frozen=True)
class FolderTiming:
    """What a run over a folder took.

    Attributes:
        name: who ran it.
        images: how many.
        seconds: by the clock, the start of Python included.
        peak_gib: largest resident memory at one time, summed over the process and those that it started; memory that
            they share counts in each.
        differing: masks of which a voxel differs from those of the first run.
        between: seconds between the first mask and the last one: what remains of the time in a run of days, in which
            the start of workers does not count.
    """

    name: str
    images: int
    seconds: float
    peak_gib: float
    differing: int = 0
    between: float = 0.0

    @property
    def per_second(self) -> float:
        """Images."""
        return self.images / self.seconds

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "images_per_second": self.per_second}


def measure_folder(
    bundle: Path,
    images: Sequence[Path],
    output: Path,
    large: bool = False,
    show_step: ShowStep = lambda text: None,
    executors: bool = False,
) -> list[FolderTiming]:
    """Segment the same images by ``mobileunet segment``, with and without threads, and by ``monai.bundle run``.

    Each in a process of its own, one after the other, with as many threads as this process has.

    Args:
        bundle: folder of a trained bundle.
        images: the volumes.
        output: folder for all of it.
        large: one more run of ours, with ``--fast`` and a synthetic volume of 512×512×1000 among the images, for its
            memory.
        show_step: gets a line before each run.
        executors: runs of ``mobileunet segment`` with workers and on a Dask cluster of this machine, in place of the
            other ways to segment.

    Raises:
        subprocess.CalledProcessError: a run failed; its output stands in its log.
    """
    folder = output / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        link = folder / image.name
        if not link.exists():
            link.symlink_to(image.resolve())
    timings: list[FolderTiming] = []
    for name, command in _runs(bundle, folder, output, executors).items():
        show_step(name)
        seconds, peak = _measured(command, output / f"{name.split()[0]}_{len(timings)}.log")
        masks = Path(command[-1])
        differing = _differing(output / "segment", masks, images)
        timings.append(FolderTiming(name, len(images), seconds, peak, differing, _between(masks, images)))
    if large:
        show_step("mobileunet segment, with a volume of 512×512×1000")
        write_large_volume(images[0], folder / "large.nii")
        seconds, peak = _measured(_segment(bundle, folder, output / "with_large", "--fast"), output / "with_large.log")
        name = "mobileunet segment --fast, 512×512×1000 among them"
        timings.append(FolderTiming(name, len(images) + 1, seconds, peak))
        (folder / "large.nii").unlink()
    return timings


def write_large_volume(image: Path, path: Path, shape: tuple[int, int, int] = LARGE_SHAPE) -> None:
    """A volume of the size of a whole-body CT, 16 bits a voxel: an image, repeated as often as it fits."""
    volume = read_volume(image)
    low, high = float(volume.values.min()), float(volume.values.max())
    factor = min(1.0, 30000 / max(abs(low), abs(high), 1.0))
    small = (volume.values * factor).astype(np.int16)
    indices = [np.arange(size) % length for size, length in zip(shape, small.shape)]
    large = nibabel.Nifti1Image(small[np.ix_(*indices)], volume.affine)
    nibabel.save(large, path)


def _runs(bundle: Path, folder: Path, output: Path, executors: bool) -> dict[str, list[str]]:
    """Commands by name; the last word of each is the folder of its masks."""
    runs: dict[str, list[str]] = {}
    for options in EXECUTORS if executors else ("", "--num-workers 0"):
        masks = output / ("_".join(options.replace("--", "").split()) or "segment")
        runs[f"mobileunet segment {options}".strip()] = _segment(bundle, folder, masks, *options.split())
    if not executors:
        config = str(bundle / "configs" / "inference.json")
        by_monai = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "--config_file", config]
        runs["monai.bundle run"] = [*by_monai, "--dataset_dir", str(folder), "--output_dir", str(output / "monai")]
    return runs


def _segment(bundle: Path, folder: Path, masks: Path, *options: str) -> list[str]:
    segment = [sys.executable, "-W", "ignore", "-m", "monai_mobileunet", "segment", "-m", str(bundle), "--overwrite"]
    return [*segment, *options, "-i", str(folder), "-o", str(masks)]


def _measured(command: list[str], log: Path) -> tuple[float, float]:
    """Seconds, and GiB at the peak, of a process and those that it starts."""
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=dict(os.environ))
        peak = [0]
        watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
        watcher.start()
        code = process.wait()
    if code:
        raise subprocess.CalledProcessError(code, command, output=log.read_text(encoding="utf-8")[-2000:])
    watcher.join()
    return time.perf_counter() - started, peak[0] / 2**30


def _watch(process: subprocess.Popen, peak: list[int]) -> None:
    with suppress(psutil.NoSuchProcess):  # it ended between two looks
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak[0] = max(peak[0], _resident(watched))
            time.sleep(POLL)


def _resident(watched: psutil.Process) -> int:
    """Bytes of a process and those that it started; of these, one that ends meanwhile has none."""
    resident = watched.memory_info().rss
    for child in watched.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            resident += child.memory_info().rss
    return resident


def _between(masks: Path, images: Sequence[Path]) -> float:
    written = [(masks / image.name).stat().st_mtime for image in images]
    return max(written) - min(written)


def _differing(ours: Path, others: Path, images: Sequence[Path]) -> int:
    if ours == others:
        return 0
    return sum(
        not np.array_equal(read_volume(ours / image.name).values, read_volume(others / image.name).values)
        for image in images
    )
