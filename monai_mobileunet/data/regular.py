"""What has the name of a file and is none: opening a pipe waits for ever, and a device has no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["check_regular_file"]

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_regular_file(path: Path) -> None:
    """Refuse what must not be opened. Files and folders pass, and what is not there: reading it will say so.

    Raises:
        DataError: a named pipe, a socket, a device, or a link that leads nowhere.
    """
    try:
        kind = KINDS.get(stat.S_IFMT(os.stat(path).st_mode))
    except OSError as error:
        if os.path.islink(path):
            problem = f"is a link to {os.readlink(path)}, which does not exist."
            raise DataError([Finding(str(path), problem, "Restore that file, or remove the link.")]) from error
        return
    if kind is not None:
        problem = f"is {kind}; expected a file that holds an image."
        raise DataError([Finding(str(path), problem, "Put the image itself in its place, or remove it.")])
