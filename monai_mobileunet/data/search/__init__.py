"""The images to segment in a folder: which files they are, and where their masks go."""

from monai_mobileunet.data.search.bids import search_bids
from monai_mobileunet.data.search.images import find_images, refuse_same_folder, search_images
from monai_mobileunet.data.search.places import FoundImage, mask_name, place_masks

__all__ = [
    "FoundImage",
    "find_images",
    "mask_name",
    "place_masks",
    "refuse_same_folder",
    "search_bids",
    "search_images",
]
