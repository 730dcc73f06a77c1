"""One case at a time through a bundle whose network is loaded once."""

from __future__ import annotations

from pathlib import Path

import torch

from monai_mobileunet.bundle import Bundle

__all__ = ["Segmenter"]


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
        case = self.preprocessing({"image": str(image)})
        with torch.inference_mode():
            case["pred"] = self.inferer(case["image"][None].to(self.device), self.network)[0].cpu()
        self.postprocessing(case)
