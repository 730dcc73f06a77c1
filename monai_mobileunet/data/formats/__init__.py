"""The formats of image files: one row of one table for each, and a module for what is particular to one."""

from monai_mobileunet.data.formats.table import (
    FORMATS,
    Format,
    check_regular,
    files_of,
    format_of,
    grid_of,
    image_states,
)

__all__ = ["FORMATS", "Format", "check_regular", "files_of", "format_of", "grid_of", "image_states"]
