"""What MONAI's engines and transforms load cases with. The only room of ``data`` that needs MONAI."""

from monai_mobileunet.data.loading.caching import CachedCases
from monai_mobileunet.data.loading.case_dataset import CaseDataset, collate_cases
from monai_mobileunet.data.loading.reader import VolumeReader

__all__ = ["CachedCases", "CaseDataset", "VolumeReader", "collate_cases"]
