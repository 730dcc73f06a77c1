"""Transforms that MONAI has not: slices for training, mirrored patients, parts divided by a plane, the way back."""

from monai_mobileunet.transforms.components import KeepLargestComponentsd
from monai_mobileunet.transforms.crop import CropForegroundd
from monai_mobileunet.transforms.grids import RestoreGridd
from monai_mobileunet.transforms.loading import LoadImaged
from monai_mobileunet.transforms.matching import MatchImaged
from monai_mobileunet.transforms.parts import SplitByPlaned
from monai_mobileunet.transforms.probabilities import Probabilitiesd
from monai_mobileunet.transforms.saving import SaveImaged
from monai_mobileunet.transforms.sides import RandMirrorSidesd
from monai_mobileunet.transforms.slices import RandSliceSamplesd
from monai_mobileunet.transforms.spacing import Spacingd

__all__ = [
    "CropForegroundd",
    "KeepLargestComponentsd",
    "LoadImaged",
    "MatchImaged",
    "Probabilitiesd",
    "RandMirrorSidesd",
    "RandSliceSamplesd",
    "RestoreGridd",
    "SaveImaged",
    "Spacingd",
    "SplitByPlaned",
]
