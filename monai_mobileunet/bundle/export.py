"""Export the network of a bundle, and keep only what agrees with torch."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import find_images
from monai_mobileunet.data.files import hash_file, put_in_place
from monai_mobileunet.runtimes.formats import FORMATS, Format, Source
from monai_mobileunet.runtimes.manifest import MANIFEST, hash_weights, probe, read_manifest
from monai_mobileunet.runtimes.parity import Parity, compare_masks

__all__ = ["ExportResult", "export_bundle", "network_inputs", "sample_slices"]

IMAGES = 12
CALIBRATION_SLICES = 256
CHECKED_SLICES = 128
COPY = "export from a copy of the bundle elsewhere (cp -r)"
REMEDIES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), f"Give yourself the right to write there (chmod u+w), or {COPY}."),
    errno.EROFS: f"To write to this disk is not possible: {COPY}.",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), f"Free space there, or {COPY}."),
}
"""What helps where a folder cannot be written to."""


@dataclass(frozen=True)
class ExportResult:
    """What became of one format: its files and their parity, or why there are none."""

    kind: str
    files: tuple[Path, ...]
    parity: Parity | None
    problem: str | None


def export_bundle(
    bundle: Bundle, data: Path, kinds: Sequence[str], show_step: Callable[[str], None] = lambda text: None
) -> list[ExportResult]:
    """Write a bundle's network in other formats into its ``models`` folder, each with its parity to torch.

    Half of the images calibrate the quantisation, the other half are what masks are compared on. A format
    whose masks differ too much is not written; a file of an earlier export then stays as it was, and the
    manifest tells that it belongs to other weights. A format that the folder has no room for is not written either.

    Args:
        bundle: with weights.
        data: folder of images such as the bundle segments.
        kinds: keys of :data:`monai_mobileunet.runtimes.formats.FORMATS`.
        show_step: gets a line before each step.

    Returns:
        A result per format, in order.

    Raises:
        FileNotFoundError: no weights.
        DataError: no images.
        OSError: the folder cannot be written to, which is found before any work; the message has the remedy.
    """
    network = bundle.load_network().cpu()
    _check_writable(bundle.models)
    show_step("preparing slices")
    calibration, checked = sample_slices(bundle, data)
    source = Source(network, checked[0].shape[1], bundle.metadata, calibration)
    with torch.no_grad():
        references = [network(batch) for batch in checked]
    results = []
    for kind in kinds:
        show_step(f"exporting {kind}")
        results.append(_export(bundle.models, kind, source, references, checked))
    return results


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".export."):
            pass
    except OSError as error:
        raise OSError(_unwritten(folder, error)) from error


def _unwritten(folder: Path, error: OSError) -> str:
    remedy = REMEDIES.get(error.errno or 0, f"Make the folder writable, or {COPY}.")
    return f"{folder}: exports cannot be written to this folder ({error.strerror or error}). {remedy}"


def _export(
    folder: Path, kind: str, source: Source, references: Sequence[torch.Tensor], checked: Sequence[torch.Tensor]
) -> ExportResult:
    row = FORMATS[kind]
    parity = None
    try:
        with TemporaryDirectory(dir=folder, prefix=f".{kind}.", ignore_cleanup_errors=True) as temporary:
            path = Path(temporary) / row.files[0]
            exported = _write(row, source, path)
            parity = compare_masks(references, exported, checked)
            problem = parity.exceeds(row.limits)
            if problem is not None:
                return ExportResult(kind, (), parity, f"{problem}. Nothing was written.")
            _move(folder, kind, source, path, parity)
    except ModuleNotFoundError as error:
        remedy = "Install the extra: pip install 'monai_mobileunet[export]'."
        return ExportResult(kind, (), None, f"{error.name} is not installed. {remedy}" if error.name else str(error))
    except OSError as error:
        if error.errno is None:  # of a library that cannot be loaded
            raise
        return ExportResult(kind, (), parity, _unwritten(folder, error))
    return ExportResult(kind, tuple(folder / name for name in row.files), parity, None)


def _write(row: Format, source: Source, path: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    """Write a format and open it again.

    OpenVINO's writer raises RuntimeError if a disk is full, or writes half a file in silence. So the disk is asked.
    """
    try:
        row.write(source, path)
        return row.load(path)
    except RuntimeError:
        _require_room(path.with_name("room"), source.network)
        raise


def _require_room(path: Path, network: torch.nn.Module) -> None:
    """Raise the OSError of a disk that does not take twice the weights of a network."""
    size = 2 * sum(tensor.nbytes for tensor in network.state_dict().values())
    path.write_bytes(bytes(size))
    path.unlink()


def _move(folder: Path, kind: str, source: Source, path: Path, parity: Parity) -> None:
    """Put a format's files in their place, and what is known of them into the manifest.

    All of them are written before the first one moves: a disk that gets full leaves an earlier export as it was.
    """
    names = FORMATS[kind].files
    entry = {
        "weights_sha256": hash_weights(source.network),
        "probe": probe(source.network, source.in_channels),
        "files": {name: hash_file(path.with_name(name)) for name in names},
        "parity": parity.as_dict(),
    }
    manifest = path.with_name(MANIFEST)
    manifest.write_text(json.dumps({**read_manifest(folder), kind: entry}, indent=4) + "\n", encoding="utf-8")
    for name in (*names, MANIFEST):
        put_in_place(path.with_name(name), folder / name)


def sample_slices(bundle: Bundle, data: Path) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Inputs of a bundle's network from a folder of images: some to calibrate with, and others to compare on.

    They come from different images, but where there is only one.

    Returns:
        Two lists of tensors ``(1, C, H, W)``.

    Raises:
        DataError: no images.
    """
    images = [item["image"] for item in find_images(str(data))]
    images = [images[round(i * (len(images) - 1) / max(IMAGES - 1, 1))] for i in range(min(IMAGES, len(images)))]
    halves = (images[::2], images[1::2] or images)
    calibration, checked = (
        [batch for image in half for batch in network_inputs(bundle, image, max(1, limit // len(half)))]
        for half, limit in zip(halves, (CALIBRATION_SLICES, CHECKED_SLICES), strict=True)
    )
    return calibration, checked


def network_inputs(bundle: Bundle, image: str | Path | Sequence[str], limit: int) -> list[torch.Tensor]:
    """Inputs that a bundle's inferer gives to its network for an image: at most ``limit``, evenly spread.

    Returns:
        Tensors ``(1, C, H, W)``.
    """
    recorded: list[torch.Tensor] = []
    seen, stride = 0, 1

    def record(batch: torch.Tensor) -> torch.Tensor:
        nonlocal recorded, seen, stride
        for item in batch.split(1):
            if seen % stride == 0:
                recorded.append(item.clone())
            seen += 1
            if len(recorded) >= 2 * limit:  # a long volume's slices would not all fit into memory
                recorded, stride = recorded[::2], 2 * stride
        return batch.new_zeros(len(batch), 2, *at_once, *batch.shape[2:])

    volume = bundle.preprocessing({"image": str(image) if isinstance(image, Path) else image})["image"]
    slice_inferer = bundle.slice_inferer
    out_slices = getattr(slice_inferer, "out_slices", 1)
    at_once = (out_slices,) if out_slices > 1 else ()
    slice_inferer(torch.as_tensor(volume)[None], record)
    count = min(limit, len(recorded))
    return [recorded[i * len(recorded) // count] for i in range(count)]
