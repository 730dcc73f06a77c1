"""Cases through a bundle: from the image's file to the mask's, one or thousands, and to how good they are."""

from monai_mobileunet.segmentation.segmenter import Segmentation, Segmenter

__all__ = ["Segmentation", "Segmenter"]
