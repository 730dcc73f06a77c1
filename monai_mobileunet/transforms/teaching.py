"""Labels mixed with the scores of other networks, for a training that learns from both."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.networks.utils import one_hot
from monai.transforms import EnsureChannelFirstd, MapTransform, ResampleToMatch
from monai.utils import ImageMetaKey, ensure_tuple

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.names import case_name, names_without_channel
from monai_mobileunet.transforms.preprocessing import LoadImaged

__all__ = ["MixTeacherScoresd", "WindowScoresd"]

SUM_WITHIN = 0.01
"""By how much the scores of a voxel may miss 1: files hold them in 16 bits, too."""


class MixTeacherScoresd(MapTransform):
    """Class numbers become probabilities: a share of them is the mean of what teachers say, and the rest is the label.

    A network that learns from these is a student. It is told more than the label says: how likely each class is where
    a border is not sharp, and what several networks agree on. That is the distillation of Hinton et al.
    (https://arxiv.org/abs/1503.02531) at a temperature of 1, with the scores in files, so that a teacher may be
    anything: a larger network, the mean of several, a network of another tool.

    The files are NIfTI with the classes along a fourth axis, as a bundle's ``inference.json`` writes them with
    ``--argmax False``. They lie in the folder of a teacher as the images lie in theirs, and have their names. Scores
    on another grid than the label's are brought to it linearly.

    Args:
        keys: items of class numbers ``(1, H, W, D)``, on the grid of the preprocessed image.
        teacher_dir: folder of a teacher's scores, or several, whose mean is taken.
        num_classes: classes with the background.
        share: of the teachers in the result, from 0 (the label alone) to 1.
        image_key: item whose metadata name the image's file.
        allow_missing_keys: do not raise if a key is missing.

    Returns:
        The items as ``(num_classes, H, W, D)`` in 32 bits; the classes of a voxel add up to 1.

    Raises:
        ValueError: a share that is none, or no folder.
    """

    def __init__(
        self,
        keys: KeysCollection,
        teacher_dir: str | Path | Sequence[str | Path],
        num_classes: int,
        share: float = 0.5,
        image_key: Hashable = "image",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.folders = [Path(folder) for folder in ensure_tuple(teacher_dir)]
        if not self.folders or not 0 <= share <= 1:
            raise ValueError(f"teacher_dir is {teacher_dir}, share is {share}; give a folder, and a share of 0 to 1.")
        self.num_classes = num_classes
        self.share = share
        self.image_key = image_key
        self._read = [LoadImaged("scores"), EnsureChannelFirstd("scores")]
        self._match = ResampleToMatch(mode="bilinear", padding_mode="border", dtype=np.float32)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mix; see the class.

        Raises:
            DataError: a teacher has no scores of the image, or what it has are no probabilities of the classes; or the
                label has other numbers than those of the classes.
        """
        out = dict(data)
        image = Path(str(ensure_tuple(out[self.image_key].meta[ImageMetaKey.FILENAME_OR_OBJ])[0]))
        for key in self.key_iterator(out):
            label = out[key]
            mixed = (1 - self.share) * self._one_hot(label, image)
            for folder in self.folders:
                mixed += self.share / len(self.folders) * self._scores(find_scores(folder, image), label)
            out[key] = MetaTensor(mixed, meta=label.meta)
        return out

    def _one_hot(self, label: MetaTensor, image: Path) -> torch.Tensor:
        highest = int(label.max())
        if highest >= self.num_classes:
            problem = f"its label has the number {highest}; expected classes from 0 to {self.num_classes - 1}."
            remedy = "A teacher needs labels in which every voxel's class is known. Leave configs/teacher.json out."
            raise refusal(image, problem, remedy)
        return one_hot(torch.as_tensor(label)[None].long(), self.num_classes)[0].float()

    def _scores(self, file: Path, label: MetaTensor) -> torch.Tensor:
        item: dict[str, Any] = {"scores": str(file)}
        for step in self._read:
            item = dict(step(item))
        scores = item["scores"].float()
        total = torch.as_tensor(scores.sum(0))
        if len(scores) != self.num_classes or (total - 1).abs().max() > SUM_WITHIN or scores.min() < 0:
            problem = (
                f"{len(scores)} channels, whose sum in a voxel is {total.min():.3g} to {total.max():.3g}; expected"
            )
            problem += f" probabilities of {self.num_classes} classes, the background first, with a sum of 1."
            raise refusal(file, problem, "Let the teacher write them anew: see docs/teacher.md.")
        matched = torch.as_tensor(self._match(scores, label))
        return matched / matched.sum(0)


class WindowScoresd(MapTransform):
    """Scores of windows in the shape of the network's output.

    It takes the place of the step that makes class numbers of a window again. What lies beyond the volume is
    background, as it is there.

    Args:
        keys: items ``(slices * num_classes, H, W)``, the classes of a slice behind each other, as transforms of windows
            want them; or ``(num_classes, slices, H, W)``.
        num_classes: classes with the background.
        allow_missing_keys: do not raise if a key is missing.

    Returns:
        The items as ``(num_classes, slices, H, W)``, or ``(num_classes, H, W)`` of one slice.
    """

    def __init__(self, keys: KeysCollection, num_classes: int, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.num_classes = num_classes

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring the items into that shape."""
        out = dict(data)
        for key in self.key_iterator(out):
            scores = out[key].unflatten(0, (-1, self.num_classes)).movedim(1, 0).squeeze(1)
            background = 1 - scores[1:].sum(0, keepdim=True)
            out[key] = torch.cat([background.clamp(min=0), scores[1:]])
        return out


def find_scores(folder: Path, image: Path) -> Path:
    """The file of an image's scores in the folder of a teacher: of the same name, in the same folders above it.

    Args:
        folder: of the teacher.
        image: file of the image, or of its first channel.

    Raises:
        DataError: there is none.
    """
    names = sorted(names_without_channel(case_name(image)))
    for depth in range(len(image.parts)):  # the most folders first: in folders of patients all files have one name
        for name in names:
            file = folder.joinpath(*image.parts[1 + depth : -1], f"{name}.nii.gz")
            if file.is_file():
                return file
    problem = f"has no scores of {image}: no file {' or '.join(f'{name}.nii.gz' for name in names)}."
    remedy = "Let the teacher write them for every image of the training: python -m monai.bundle run --config_file "
    remedy += f"TEACHER/configs/inference.json --dataset_dir {image.parent} --output_dir {folder} --argmax False"
    raise refusal(folder, problem, remedy)
