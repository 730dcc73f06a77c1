"""One case at a time through a bundle whose network is loaded once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from monai_mobileunet.bundle import Bundle

__all__ = ["Segmenter", "place_masks"]


def place_masks(bundle: Bundle, cases: Sequence[Mapping[str, str]], output: Path) -> None:
    """Let a bundle write the masks of cases into a folder, in subfolders as their images lie in theirs.

    Args:
        bundle: its ``dataset_dir`` and ``output_dir`` are set.
        cases: ``{"image": path, …}`` each.
        output: the folder.

    Raises:
        ValueError: a mask would take the place of a file of the cases.
    """
    files = {Path(path).absolute() for case in cases for path in case.values()}
    images = [Path(case["image"]).absolute() for case in cases]
    root = Path(os.path.commonpath([image.parent for image in images]))
    for image in images:
        mask = output.absolute() / image.relative_to(root)
        if mask in files:
            raise ValueError(f"{mask}: the mask of {image} would take its place. Name another folder for the output.")
    bundle.parser.update({"dataset_dir": str(root), "output_dir": str(output.absolute())})


class Segmenter:
    """What the bundle's ``inference.json`` does to a case, without its engine, so that one case is a call.

    The transforms, the network and the inferer are the bundle's, so the masks are those of
    ``python -m monai.bundle run --config_file …/inference.json``, written where its ``output_dir`` says.

    Args:
        bundle: an opened one.

    Raises:
        FileNotFoundError: it has no weights yet.
        ValueError: the weights are those of another network.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.network = bundle.load_network()
        self.preprocessing = bundle.preprocessing
        self.inferer = bundle.inferer
        self.postprocessing = bundle.postprocessing
        self.device = next(self.network.parameters()).device

    def __call__(self, image: Path) -> None:
        """Segment an image and write its mask.

        Args:
            image: a file.
        """
        case = self.preprocessing({"image": str(image.absolute())})
        with torch.inference_mode():
            case["pred"] = self.inferer(case["image"][None].to(self.device), self.network)[0].cpu()
        self.postprocessing(case)
