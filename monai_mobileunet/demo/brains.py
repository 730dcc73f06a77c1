"""A small cohort of brains out of one template, so that the demo needs no download.

The anatomy is real but it is one: the MNI152 T1 template (ICBM 2009a, an average of 152 people) with its grey
and white matter maps, which the nilearn package carries. Each "subject" is that template deformed, with
another contrast, bias field and noise. Good for seeing the whole way work; good for no scientific claim.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import (
    Compose,
    CropForeground,
    Rand3DElastic,
    RandBiasField,
    RandGaussianNoise,
    RandHistogramShift,
    Spacing,
)

__all__ = ["CLASS_NAMES", "make_cohort"]

CLASS_NAMES = ("csf", "grey matter", "white matter")
SPACING = 2.0  # mm: seconds per epoch on two cores, and tissue still shows


def make_cohort(
    folder: Path, subjects: int = 15, seed: int = 0, on_subject: Callable[[int], None] = lambda done: None
) -> None:
    """Write a data set in the layout of the Medical Segmentation Decathlon.

    Args:
        folder: where to; ``imagesTr``, ``labelsTr`` and ``dataset.json`` are made in it.
        subjects: how many volumes.
        seed: of all deformations and contrasts.
        on_subject: called with the number of subjects done.

    Raises:
        ModuleNotFoundError: nilearn is not installed (extra ``demo``).
    """
    maps, affine = _template()
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cases = []
    for index in range(subjects):
        image, label = _subject(maps, seed * 10_000 + index)
        case = f"brain_{index + 1:03d}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(image, affine), folder / "imagesTr" / case)
        nibabel.save(nibabel.Nifti1Image(label, affine), folder / "labelsTr" / case)
        cases.append({"image": f"./imagesTr/{case}", "label": f"./labelsTr/{case}"})
        on_subject(index + 1)
    description = {
        "name": "Deformed MNI152 template",
        "description": "One template brain, deformed and re-contrasted. Not a cohort of people.",
        "modality": {"0": "T1"},
        "labels": {"0": "background"} | {str(i): name for i, name in enumerate(CLASS_NAMES, 1)},
        "numTraining": subjects,
        "numTest": 0,
        "training": cases,
        "test": [],
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


def _template() -> tuple[torch.Tensor, np.ndarray]:
    """Channels T1, brain, grey and white matter in [0, 1] on a grid of 2 mm, and its affine."""
    try:
        from nilearn import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The demo makes its volumes from the MNI152 template that nilearn carries, and nilearn is not "
            "installed. Install the extra: pip install 'monai_mobileunet[demo]'."
        ) from error
    loaders = (
        datasets.load_mni152_template,
        datasets.load_mni152_brain_mask,
        datasets.load_mni152_gm_template,
        datasets.load_mni152_wm_template,
    )
    images = [load(resolution=1) for load in loaders]
    stack = np.stack([np.asarray(image.dataobj, dtype=np.float32) for image in images])
    stack[0] /= stack[0].max()
    volume = MetaTensor(torch.from_numpy(stack), affine=torch.from_numpy(images[0].affine))
    shrink = Compose(
        [
            Spacing(pixdim=(SPACING,) * 3, mode="bilinear"),
            CropForeground(select_fn=lambda x: x[1:2] > 0.5, margin=4),
        ]
    )
    volume = shrink(volume)
    return volume.as_tensor().clamp(0, 1), volume.affine.numpy()


def _subject(maps: torch.Tensor, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One deformed and re-contrasted volume with its label."""
    random = np.random.RandomState(seed)
    deform = Rand3DElastic(
        sigma_range=(4, 6),
        magnitude_range=(60, 160),
        prob=1.0,
        rotate_range=(0.15,) * 3,
        scale_range=(0.12,) * 3,
        translate_range=(2,) * 3,
        mode="bilinear",
        padding_mode="zeros",
    ).set_random_state(state=random)
    t1, brain, grey, white = deform(maps)
    tissues = torch.stack([1 - brain, (brain - grey - white).clamp(min=0), grey, white])
    label = tissues.argmax(0).numpy().astype(np.uint8)
    recontrast = Compose(
        [
            RandHistogramShift(num_control_points=(6, 10), prob=1.0),
            RandBiasField(coeff_range=(0.0, 0.25), prob=1.0),
            RandGaussianNoise(std=0.05, prob=1.0),
        ]
    ).set_random_state(state=random)
    image = recontrast(t1[None] * (brain[None] > 0.5))
    scale = random.uniform(100, 2000)  # scanners agree on no unit
    return (image[0].clamp(min=0) * scale).numpy().astype(np.float32), label
