"""Cases through a bundle: from the image's file to the mask's, and to how good it is."""

from monai_mobileunet.segmentation.evaluate import evaluate_folder, segment_cases
from monai_mobileunet.segmentation.segmenter import Segmenter, place_masks

__all__ = ["Segmenter", "evaluate_folder", "place_masks", "segment_cases"]
