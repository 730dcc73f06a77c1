"""Transforms that MONAI has not: slices for training, mirrored patients, parts divided by a plane, the way back."""

from monai_mobileunet.transforms.annotation import KnownClassesd, MarkUnknownd, RegionMasksd
from monai_mobileunet.transforms.matching import MatchImaged
from monai_mobileunet.transforms.mirroring import RandMirrorSidesd
from monai_mobileunet.transforms.postprocessing import KeepLargestComponentsd, Probabilitiesd, SplitByPlaned
from monai_mobileunet.transforms.preprocessing import CropForegroundd, LoadImaged, Spacingd
from monai_mobileunet.transforms.restoring import RestoreGridd
from monai_mobileunet.transforms.sampling import RandSliceSamplesd
from monai_mobileunet.transforms.saving import SaveImaged
from monai_mobileunet.transforms.teaching import MixTeacherScoresd, WindowScoresd, keep_scores
from monai_mobileunet.transforms.untracked import UntrackedCompose

__all__ = [
    "CropForegroundd",
    "KeepLargestComponentsd",
    "KnownClassesd",
    "LoadImaged",
    "MarkUnknownd",
    "MatchImaged",
    "MixTeacherScoresd",
    "Probabilitiesd",
    "RandMirrorSidesd",
    "RandSliceSamplesd",
    "RegionMasksd",
    "RestoreGridd",
    "SaveImaged",
    "Spacingd",
    "SplitByPlaned",
    "UntrackedCompose",
    "WindowScoresd",
    "keep_scores",
]
