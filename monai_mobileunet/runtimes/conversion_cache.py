"""Networks that were converted once, kept in the user's cache folder: a conversion takes seconds, at every start."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import logging
import os
import shutil
import stat
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from monai_mobileunet.data.files import hash_file
from monai_mobileunet.runtimes.manifest import MANIFEST, find_export, hash_weights, probe

__all__ = ["CACHE_VARIABLE", "cache_folder", "kept_conversion"]

CACHE_VARIABLE = "MOBILEUNET_CACHE"
"""Variable of the environment that names another folder to keep converted networks in."""

KIND, FILE = "onnx", "model.onnx"
KEPT = 16
"""Networks that are kept, those that were used last: a training that validates in another runtime makes many."""

CONVERTERS = ("monai_mobileunet", "torch", "onnx", "onnxscript", "monai")
"""Packages whose other version may convert a network in another way."""

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where converted networks are kept: what :data:`CACHE_VARIABLE` names, or a folder among the user's caches."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(os.path.expanduser(named)).absolute()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        caches = "~/Library/Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(caches)) / "monai_mobileunet" / "converted"


def kept_conversion(network: nn.Module, in_channels: int, convert: Callable[[nn.Module, int], bytes]) -> bytes:
    """A network as a model, converted only where the same network was not converted before.

    A model is found by the hash of the network's weights, of its layers, and of the versions of all that converts it.
    It is taken only out of folders that nobody but this user can write to, if its SHA-256 is the one that was noted and
    the network still gives the scores that it gave then (:func:`monai_mobileunet.runtimes.manifest.find_export`).

    Where nothing can be kept, a warning says so, and the network is converted each time.

    Args:
        network: with its weights; it stays as it is.
        in_channels: of its input.
        convert: network and input channels → the model.
    """
    evaluated = copy.deepcopy(network).cpu().float().eval()
    place = cache_folder() / _key(evaluated, in_channels)
    model = _kept(place, evaluated)
    if model is None:
        model = convert(network, in_channels)
        try:
            _keep(place, model, evaluated, in_channels)
        except OSError as error:
            reason = error.strerror or error
            remedy = f"Make the folder writable for you alone, or name another one in the variable {CACHE_VARIABLE}."
            logger.warning("%s: the converted network cannot be kept there (%s). %s", place.parent, reason, remedy)
    return model


def _key(network: nn.Module, in_channels: int) -> str:
    described = [hash_weights(network), repr(network), str(in_channels), *map(_version, CONVERTERS)]
    return hashlib.sha256("\n".join(described).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _kept(place: Path, network: nn.Module) -> bytes | None:
    """The model of a network, if it is there, is this user's, and is whole."""
    if not os.path.isdir(place):  # nor may it be looked for: Path.is_dir raises then
        return None
    if not all(map(_is_mine_alone, (place.parent, place))):
        logger.warning("%s: not used, for others may write to it. Type: chmod -R go= %s", place, place.parent)
        return None
    try:
        file = find_export(place, KIND, network)
        model = None if file is None else file.read_bytes()
        os.utime(place)
    except (OSError, ValueError, LookupError) as error:  # damaged, or removed meanwhile: it is made again
        logger.warning("The converted network is made again: %s", error)
        return None
    return model


def _is_mine_alone(folder: Path) -> bool:
    if sys.platform == "win32":  # the folder of a user's own profile; there are no such permissions to ask
        return True
    state = folder.stat()
    return state.st_uid == os.getuid() and not stat.S_IMODE(state.st_mode) & 0o077


def _keep(place: Path, model: bytes, network: nn.Module, in_channels: int) -> None:
    """Put a model in its place, whole or not at all; those that were not used for longest make room.

    Raises:
        OSError: it cannot be written there, or others may write there.
    """
    folder = place.parent
    if not folder.is_absolute():
        raise OSError(errno.ENOENT, "this user has no home folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_mine_alone(folder):
        raise PermissionError(errno.EPERM, "others may write to it")
    with TemporaryDirectory(dir=folder, prefix=".", ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / "made"
        made.mkdir(mode=0o700)
        (made / FILE).write_bytes(model)
        known = {"weights_sha256": hash_weights(network), "probe": probe(network, in_channels)}
        entry = known | {"files": {FILE: hash_file(made / FILE)}}
        (made / MANIFEST).write_text(json.dumps({KIND: entry}) + "\n", encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)  # one that is damaged
        os.replace(made, place)
    kept = [other for other in folder.iterdir() if not other.name.startswith(".")]
    for other in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(other, ignore_errors=True)
