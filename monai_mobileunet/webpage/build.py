"""Make a site of a bundle: its description and its network, which is compared with torch first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.export import ExportResult, sample_slices
from monai_mobileunet.bundle.json_files import layout
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.planning.rules.texts import FILL_IN
from monai_mobileunet.runtimes.formats import REDUCED, SAME
from monai_mobileunet.runtimes.parity import compare_masks
from monai_mobileunet.webpage.description import NETWORK, describe_bundle, made_with
from monai_mobileunet.webpage.kinds import WEIGHTS
from monai_mobileunet.webpage.network import ExportedNetwork, compressed, differs_on_probe, output_problem, page_network
from monai_mobileunet.webpage.site import Site, check_place, write_site

__all__ = ["Built", "build_site"]

FOLDER = "bundle"
"""In a site, for what belongs to the bundle."""

DESCRIPTION = "bundle.json"

ONE_PIXEL = 1.0
"""Extent in mm of what has one slice and tells no mm, as pictures have it."""

LICENCES = {"LICENSE": "LICENSE.txt", "docs/data_license.txt": "data_license.txt"}
"""Files of a bundle that go wherever its weights go, and their names in a site."""


@dataclass(frozen=True)
class Built:
    """What came of a bundle.

    Attributes:
        site: ``None`` where the network differs too much and nothing was written.
        comparison: of masks with torch's; ``None`` where no images were given.
        remarks: what is to be known before the site is published.
    """

    site: Site | None
    comparison: ExportResult | None
    remarks: tuple[str, ...] = ()


def build_site(
    bundle: Bundle,
    folder: Path,
    weights: str = WEIGHTS[0],
    images: Path | None = None,
    show_step: Callable[[str], None] = lambda text: None,
) -> Built:
    """Write a folder of static files that segments in a browser what a bundle segments.

    Args:
        bundle: with weights.
        folder: that it is written to; a former site is replaced.
        weights: in which the network's are stored, one of :data:`monai_mobileunet.webpage.kinds.WEIGHTS`.
        images: folder of images such as the bundle segments, on which masks are compared with those of torch; without
            it the scores of a fixed image are, but for int8.
        show_step: gets a line before each step.

    Returns:
        The site and the comparison. A network whose masks differ too much is not written.

    Raises:
        FileNotFoundError: no weights, or this installation has no page.
        DataError: the bundle does something that the page does not, the folder holds something else or cannot be
            written, or no images.
        ModuleNotFoundError: a package is not installed.
        ValueError: the network cannot be converted, or gives other scores than in torch.
        RuntimeError: as which MONAI raises whatever a bundle's code does.
    """
    with _refusing(folder):
        check_place(folder)
    network = bundle.load_network().cpu()
    description = describe_bundle(bundle, network)
    show_step("converting the network")
    model = page_network(network, description["network"]["in_channels"], weights)
    if problem := output_problem(model, description["network"]["num_classes"]):
        remedy = "Use a network whose one output has a channel for each class, or segment with mobileunet segment."
        raise refusal(bundle.folder, problem, remedy)
    exported = ExportedNetwork(model)
    packed = compressed(model)
    comparison = None
    if images is not None:
        show_step("comparing masks with torch")
        comparison = _compared(bundle, network, exported, weights, images)
        if comparison.problem:
            return Built(None, comparison)
    elif differs_on_probe(network, exported, description["network"]["in_channels"], weights):
        problem = f"its network in ONNX Runtime, with weights in {weights}, gives other scores than in torch."
        raise refusal(
            bundle.folder, problem, "Choose another --precision, or give images to compare masks on: --check IMAGES."
        )
    show_step("writing the site")
    with _refusing(folder):
        site = write_site(folder, made_with(), _contents(bundle, description, model, packed, weights))
    return Built(site, comparison, tuple(_remarks(bundle, description)))


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """An error of the file system becomes a refusal that names the folder of the site."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # in our own words
            raise
        problem = f"cannot be written ({error.strerror})."
        remedy = "Make room there, or name another folder with --output. For a mounted folder name one inside it."
        raise refusal(folder, problem, remedy) from error


def _compared(bundle: Bundle, network: nn.Module, exported: nn.Module, weights: str, images: Path) -> ExportResult:
    """How masks differ, by the limits that hold for other formats, too."""
    _, checked = sample_slices(bundle, images)
    with torch.no_grad():
        references = [network(batch) for batch in checked]
    parity = compare_masks(references, exported, checked)
    problem = parity.exceeds(SAME if weights == WEIGHTS[0] else REDUCED)
    files = () if problem else (Path(NETWORK),)
    return ExportResult(weights, files, parity, f"{problem}. Nothing was written." if problem else None)


def _remarks(bundle: Bundle, description: dict[str, Any]) -> Iterator[str]:
    for place in LICENCES:
        path = bundle.folder / place
        if path.is_file() and FILL_IN in path.read_text(encoding="utf-8", errors="replace"):
            yield f"{path}: says {FILL_IN}. Write its terms there, and make the site again before you publish it."
    trained = description["training_data"] or {}
    if trained.get("extent_mm") and max(ends[2] for ends in trained["extent_mm"]) <= ONE_PIXEL:
        yield (
            f"{bundle.folder}: was trained on pictures or single slices; the page opens NIfTI, NRRD, MetaImage and "
            "DICOM, but no PNG, TIFF or JPEG. Segment pictures with mobileunet segment."
        )


def _contents(
    bundle: Bundle, description: dict[str, Any], model: bytes, packed: bytes, weights: str
) -> dict[str, bytes]:
    stored = {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model), "weights": weights}
    whole = {**description, "network": {**description["network"], **stored}}
    texts = {name: bundle.folder / place for place, name in LICENCES.items()}
    licences = {f"{FOLDER}/{name}": path.read_bytes() for name, path in texts.items() if path.is_file()}
    return {f"{FOLDER}/{DESCRIPTION}": layout(whole).encode(), f"{FOLDER}/{NETWORK}": packed, **licences}
