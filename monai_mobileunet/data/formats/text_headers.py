"""The text headers of NRRD and MetaImage: what they promise, and in which unit."""

from __future__ import annotations

from pathlib import Path

from monai_mobileunet.data.files import read_start
from monai_mobileunet.data.formats.header_fields import Promise
from monai_mobileunet.data.formats.metaimage_header import metaimage_promise
from monai_mobileunet.data.formats.nrrd_header import nrrd_promise
from monai_mobileunet.data.names import NRRD

__all__ = ["read_promise"]


def read_promise(path: Path) -> Promise:
    """Read the header of an NRRD or MetaImage file.

    Raises:
        DataError: it is empty, has no header of its format, or one that lacks what is needed.
    """
    read_start(path, 1)
    with path.open("rb") as file:
        return (nrrd_promise if path.suffix.lower() in NRRD else metaimage_promise)(path, file)
