"""One case at a time through a bundle whose network is loaded once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, SaveImaged, Transform

from monai_mobileunet.bundle import Bundle, CheckImaged, CheckMaskd
from monai_mobileunet.bundle.range_checks import volumes_ml
from monai_mobileunet.bundle.training_range import WARNINGS, TrainingRange
from monai_mobileunet.data import Finding
from monai_mobileunet.data.dicom.segments.described import SegmentClass
from monai_mobileunet.data.errors import find_data_error
from monai_mobileunet.data.loading.case_dataset import refuse_nothing_left
from monai_mobileunet.data.loading.reader import as_tensor
from monai_mobileunet.data.reading import ImageSource, read_volume
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.data.writing import mask_type, write_mask
from monai_mobileunet.runtimes import RuntimeInferer

__all__ = ["Prepared", "Segmentation", "Segmenter", "preprocess"]


@dataclass(frozen=True)
class Prepared:
    """A case that the network can see.

    Attributes:
        volume: as it was read.
        case: what the bundle's preprocessing made of it.
        warnings: of the file, and of how far it is from what the network was trained on.
        seconds: by stage.
    """

    volume: Volume
    case: dict[str, Any]
    warnings: tuple[Finding, ...]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Segmentation:
    """What came of a case.

    Attributes:
        mask: class numbers ``(H, W, D)`` on the grid of the image, ``uint8`` (``uint16`` with more than 256 classes).
        volume: the image.
        class_names: of the classes from 1 on.
        warnings: what a reader must know to trust the mask.
        seconds: by stage: read, preprocess, infer, postprocess.
        classes: what the classes are called in files that say so, and their colours.
    """

    mask: np.ndarray
    volume: Volume
    class_names: tuple[str, ...]
    warnings: tuple[Finding, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    classes: tuple[SegmentClass, ...] = ()

    @property
    def volumes_ml(self) -> dict[str, float]:
        """Volume of each class, by its name."""
        return volumes_ml(self.mask, self.class_names, self.volume.voxel_ml)

    def save(self, path: str | PathLike) -> None:
        """Write the mask with the image's geometry; see :func:`monai_mobileunet.data.write_mask`."""
        write_mask(self.mask, Path(path), self.volume, classes=self.classes)


class Segmenter:
    """What a bundle's ``inference.json`` does to a case, without its engine, so that one case is a call.

    The transforms, the network and the inferer are the bundle's, so the voxels are those of
    ``python -m monai.bundle run --config_file …/inference.json``. Reading and writing are this package's: an image
    of any format, in a file or in memory, and a mask on its own grid.

    ```python
    segmenter = Segmenter("bundles/hippocampus_mri_segmentation")
    result = segmenter("brain.nii.gz")
    print(result.volumes_ml)
    result.save("mask.nii.gz")
    ```

    Args:
        bundle: its folder, or an opened one. A bundle is code: only one you trust.
        **overrides: entries of ``inference.json`` by their id, ``device="cpu"``, ``runtime="openvino"``; for a folder
            only.

    Raises:
        FileNotFoundError: no bundle there, or it has no weights yet.
        ValueError: the weights are those of another network.
    """

    def __init__(self, bundle: str | PathLike | Bundle, **overrides: Any) -> None:
        if isinstance(bundle, Bundle) and overrides:
            raise ValueError("The bundle is open already; give what is to be changed to Bundle().")
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle(bundle, **overrides)
        self.network = self.bundle.load_network()
        self.inferer = self.bundle.inferer
        self.class_names = self.bundle.class_names
        self.classes = self.bundle.segment_classes
        self.range = TrainingRange.of(self.bundle.metadata)
        self.device = next(self.network.parameters()).device
        self._before = after_reading(self.bundle)
        after = [step for step in _flat(self.bundle.postprocessing) if not isinstance(step, SaveImaged)]
        self._after = _checked(after, CheckMaskd("pred", self.bundle.folder))
        self._inverting = threading.Lock()  # a bundle's Invertd switches the transforms that it inverts

    def load_runtime(self) -> None:
        """Make what executes the network now, rather than at the first case.

        Raises:
            ModuleNotFoundError: the runtime is not installed.
            ValueError: there is no quantised model, an exported file is damaged, or the network cannot be converted or
                compiled here.
        """
        if isinstance(self.inferer, RuntimeInferer):
            self.inferer.prepare(self.network)

    def __call__(self, image: ImageSource) -> Segmentation:
        """Segment an image.

        Args:
            image: a file or a folder with a DICOM series; a sequence of files, one for each channel; an image of
                nibabel or SimpleITK; or an array ``(H, W, D)`` or ``(H, W, D, C)`` with its affine (RAS, mm).

        Returns:
            The mask on the image's own grid, with what is to be known of it.

        Raises:
            DataError: the image cannot be read, or is not what the bundle is for.
        """
        prepared = self.prepare(image)
        return self.finish(prepared, self.predict(prepared))

    def prepare(self, image: ImageSource) -> Prepared:
        """Read and preprocess; any thread may do this while another case is segmented.

        Raises:
            DataError: as for calling the segmenter.
        """
        seconds: dict[str, float] = {}
        with _timed(seconds, "read"):
            volume = read_volume(image)
        self.range.check_channels(volume)
        with _timed(seconds, "preprocess"):
            case = preprocess(self._before, volume)
        return Prepared(volume, case, (*volume.warnings, *case.get(WARNINGS, ())), seconds)

    def predict(self, prepared: Prepared) -> MetaTensor:
        """The network's part: class numbers ``(1, H, W, D)`` on the preprocessed grid."""
        with _timed(prepared.seconds, "infer"), torch.inference_mode():
            return self.inferer(prepared.case["image"][None].to(self.device), self.network)[0].cpu()

    def finish(self, prepared: Prepared, pred: MetaTensor) -> Segmentation:
        """Back to the image's grid; any thread may do this too.

        Raises:
            ValueError: the bundle's postprocessing gives no class numbers on the image's grid.
        """
        with self._inverting, _timed(prepared.seconds, "postprocess"), torch.inference_mode():
            done = self._after({**prepared.case, "pred": pred})
            mask = done["pred"]
            if tuple(mask.shape) != (1, *prepared.volume.shape):
                raise ValueError(
                    f"{self.bundle.folder}: its postprocessing gives shape {tuple(mask.shape)} for an image of "
                    f"{prepared.volume.shape}; expected class numbers in one channel on the image's grid."
                )
            kind = mask_type(len(self.class_names) + 1)
            values = np.ascontiguousarray(mask[0].cpu().numpy()).astype(kind, copy=False)
        warnings = (*prepared.volume.warnings, *done.get(WARNINGS, ()))
        return Segmentation(values, prepared.volume, self.class_names, warnings, prepared.seconds, self.classes)


def preprocess(preprocessing: Compose, volume: Volume) -> dict[str, Any]:
    """A volume through a bundle's preprocessing.

    Args:
        preprocessing: what :func:`after_reading` gives.
        volume: the image.

    Returns:
        The case, with what the bundle's check has found under ``"warnings"``.

    Raises:
        DataError: nothing is left of it.
    """
    try:
        with torch.inference_mode():
            case: Any = preprocessing({"image": as_tensor(volume), WARNINGS: ()})
    except RuntimeError as error:  # as which MONAI's Compose raises whatever a transform does
        known = find_data_error(error)
        if known is None:
            raise
        raise known from known.__cause__  # from what was raised from it, the chain would have no end
    refuse_nothing_left(case["image"], volume.name)
    return case


def after_reading(bundle: Bundle) -> Compose:
    """A bundle's transforms from the read image on, as MONAI Deploy takes them too."""
    kept: list[Transform] = []
    for transform in _flat(bundle.preprocessing):
        if not isinstance(transform, LoadImaged):
            kept.append(transform)
        elif transform._loader.ensure_channel_first:
            kept.append(EnsureChannelFirstd(transform.keys))
    return _checked(kept, CheckImaged("image", bundle.folder))


def _checked(transforms: Sequence[Any], check: Transform) -> Compose:
    """Transforms with a check behind them, if they have none of its kind: bundles of version 0.1.0 have not."""
    missing = not any(isinstance(transform, type(check)) for transform in transforms)
    return Compose([*transforms, check] if missing else transforms)


def _flat(transform: Any) -> tuple[Any, ...]:
    return transform.flatten().transforms if isinstance(transform, Compose) else (transform,)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started
