"""A bundle's network as files for other runtimes, checked against torch before they are kept."""

from monai_mobileunet.export.bundle_export import ExportResult, export_bundle
from monai_mobileunet.export.formats import FORMATS
from monai_mobileunet.export.parity import Parity, compare_masks

__all__ = ["FORMATS", "ExportResult", "Parity", "compare_masks", "export_bundle"]
