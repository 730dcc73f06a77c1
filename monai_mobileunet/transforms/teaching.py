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
from monai.transforms import AsDiscreted, Lambdad, MapTransform, ResampleToMatch
from monai.utils import ensure_tuple

from monai_mobileunet.data.errors import DataError, ending_program, refusal
from monai_mobileunet.data.loading.reader import file_grid
from monai_mobileunet.data.names import NIFTI, case_name, names_without_channel
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.data.volume import Volume, other_grid
from monai_mobileunet.transforms.sampling import RandSliceSamplesd
from monai_mobileunet.wording import counted

__all__ = ["MixTeacherScoresd", "WindowScoresd", "keep_scores"]

SUM_WITHIN = 0.01
"""By how much the scores of a voxel may miss 1: files hold them in 16 bits, too."""

WRITING = (
    "Let the teacher write the scores of all images anew: python -m monai.bundle run --config_file "
    "TEACHER/configs/inference.json --dataset_dir IMAGES --output_dir {} --argmax False"
)
"""What to type for scores, with the folder to fill in."""

WHOLE = "A teacher is for labels in which every voxel's class is known. Leave configs/teacher.json out."


class MixTeacherScoresd(MapTransform):
    """Class numbers become probabilities: a share of them is the mean of what teachers say, and the rest is the label.

    This is the knowledge distillation of Hinton et al. (https://arxiv.org/abs/1503.02531) at a temperature of 1. The
    scores lie in files, so a teacher may be anything: a larger network, the mean of several, a network of another tool.

    The cross-entropy of a network has its minimum where the network predicts these probabilities. The Dice of
    :class:`monai.losses.DiceCELoss` has its own where the network predicts the likeliest class with certainty. Both
    together were measured (docs/ablations.md).

    The files are NIfTI with the classes along a fourth axis, on the grid of the image's file, as a bundle's
    ``inference.json`` writes them with ``--argmax False``. They lie in the folder of a teacher as the images lie in
    theirs, and have their names.

    Args:
        keys: items of class numbers ``(1, H, W, D)``, on the grid of the preprocessed image.
        teacher_dir: folder of a teacher's scores, or several, whose mean is taken.
        num_classes: classes with the background.
        share: of the teachers in the result, from 0 (the label alone) to 1.
        image_key: item whose metadata name the image's file, and its grid.
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
        self.folders = [Path(folder) for folder in ensure_tuple(teacher_dir) if str(folder)]
        if not self.folders or not 0 <= share <= 1:
            raise ValueError(f"teacher_dir is {teacher_dir!r}, share is {share}; give a folder, and a share of 0 to 1.")
        self.num_classes = num_classes
        self.share = share
        self.image_key = image_key
        self._taken: dict[Path, Path] = {}
        self._match = ResampleToMatch(mode="bilinear", padding_mode="border", dtype=np.float32)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mix; see the class.

        Raises:
            DataError: a teacher has no scores of the image, or what it has are no probabilities of the classes on the
                image's grid; or the label has voxels of which no class is known.
        """
        out = dict(data)
        grid = file_grid(out[self.image_key])
        image = Path(grid.name).absolute()
        for key in self.key_iterator(out):
            mixed = (1 - self.share) * self._one_hot(out[key], image)
            for folder in self.folders:
                scores = read_scores(self._file(folder, image), self.num_classes, grid)
                matched = torch.as_tensor(self._match(scores, out[key]))
                mixed += self.share / len(self.folders) * matched / matched.sum(0)
            out[key] = MetaTensor(mixed, meta=out[key].meta)
        return out

    def _one_hot(self, label: MetaTensor, image: Path) -> torch.Tensor:
        if int(label.max()) >= self.num_classes:
            raise refusal(image, "its label has voxels whose class is not known.", WHOLE)
        return one_hot(torch.as_tensor(label)[None].long(), self.num_classes)[0].float()

    def _file(self, folder: Path, image: Path) -> Path:
        """The file of an image's scores, which is no other image's."""
        file = find_scores(folder, image)
        other = self._taken.setdefault(file, image)
        if other != image:
            problem = f"lies where the scores of two images would: {other} and {image}."
            remedy = "Scores lie in folders as the images do: name the folder above all images as IMAGES. "
            raise refusal(file, problem, remedy + WRITING.format(folder))
        return file


class WindowScoresd(MapTransform):
    """Scores of windows in the shape of the network's output.

    It takes the place of the step that makes class numbers of a window again. What lies beyond the volume is
    background, as it is there.

    Args:
        keys: items ``(slices * num_classes, H, W)``, the classes of a slice behind each other, as transforms of windows
            want them; or ``(num_classes, slices, H, W)`` of several.
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


def keep_scores(steps: Sequence[Any], num_classes: int, key: str = "label", exit_on_error: bool = False) -> list[Any]:
    """The random transforms of a bundle for labels that are scores: without those between class numbers and scores.

    Args:
        steps: the transforms, among them a :class:`monai.transforms.AsDiscreted` or
            :class:`monai.transforms.Lambdad` to one-hot labels, and one of these back to class numbers.
        num_classes: classes with the background.
        key: of the label.
        exit_on_error: end the program with the message alone, as a bundle wants it.

    Raises:
        DataError: the transforms are for labels in which some voxels' class is not known.
    """
    with ending_program(exit_on_error):
        if any(isinstance(step, RandSliceSamplesd) and step.num_classes is not None for step in steps):
            raise refusal("the bundle", "was planned for labels with voxels whose class is not known.", WHOLE)
    between = (AsDiscreted, Lambdad)
    kept = [step for step in steps if not (isinstance(step, between) and key in step.keys)]
    return [*kept, WindowScoresd(key, num_classes)]


def find_scores(folder: Path, image: Path) -> Path:
    """The file of an image's scores in the folder of a teacher: of the same name, in the same folders above it.

    Args:
        folder: of the teacher.
        image: absolute path of the image, or of its first channel.

    Raises:
        DataError: there is none.
    """
    if not folder.is_dir():
        raise refusal(folder, "no such folder; expected the scores of a teacher.", WRITING.format(folder))
    own = case_name(image)
    names = [own, *sorted(names_without_channel(own) - {own})]
    for depth in range(1, len(image.parts)):  # the most folders first: in folders of patients all files have one name
        for name in names:
            for suffix in NIFTI:
                file = folder.joinpath(*image.parts[depth:-1], f"{name}{suffix}")
                if file.is_file():
                    return file
    problem = f"has no scores of {image}: no file {' or '.join(f'{name}{NIFTI[0]}' for name in names)}."
    raise refusal(folder, problem, WRITING.format(folder))


def read_scores(file: Path, num_classes: int, grid: Volume) -> MetaTensor:
    """Scores from a file, ``(num_classes, H, W, D)`` in 32 bits.

    Raises:
        DataError: it has other channels or lies on another grid, or its values are no probabilities.
    """
    volume = read_volume(file)
    if volume.channels != num_classes:
        problem = f"has {counted(volume.channels, 'channel')}; expected {num_classes}: a probability for each class,"
        raise _no_scores(file, f"{problem} the background first.")
    if found := other_grid(volume, grid):
        raise _no_scores(file, f"has {found}; expected the grid of its image, {grid.name} {grid.shape}.")
    scores = torch.from_numpy(np.array(volume.values, np.float32, order="C")).movedim(-1, 0)
    total = scores.sum(0)
    if scores.min() < -SUM_WITHIN or (total - 1).abs().max() > SUM_WITHIN:
        problem = f"has values from {scores.min():.3g} on, and a voxel's add up to {total.min():.3g} to "
        raise _no_scores(file, f"{problem}{total.max():.3g}; expected probabilities, which add up to 1.")
    return MetaTensor(scores.clamp(min=0), affine=torch.from_numpy(volume.affine))


def _no_scores(file: Path, problem: str) -> DataError:
    return refusal(file, problem, WRITING.format(file.parent))
