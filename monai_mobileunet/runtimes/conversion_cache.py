"""Networks that were converted once, kept in the user's cache folder: a conversion takes seconds, at every start."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import logging
import os
import re
import shlex
import shutil
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from monai_mobileunet.runtimes import conversion
from monai_mobileunet.runtimes.manifest import MANIFEST, hash_weights, parse_manifest, probe, same_scores
from monai_mobileunet.runtimes.network_identity import describe_network

__all__ = ["CACHE_VARIABLE", "cache_folder", "kept_conversion"]

CACHE_VARIABLE = "MOBILEUNET_CACHE"
"""Variable of the environment that names another folder, in which that of the converted networks is made."""

KIND, FILE = "onnx", "model.onnx"
KEPT = 16
"""Networks that are kept, those that were used last: a training that validates in another runtime makes many."""

NAME, LEFTOVER, PREFIX = re.compile("[0-9a-f]{64}"), re.compile(r"\.converting-[a-z0-9_]{8}"), ".converting-"
"""Of a kept network's folder, and of one that is being written; nothing else in the cache folder is ever removed."""

DAY = 24 * 60 * 60
CONVERTERS = ("monai_mobileunet", "torch", "onnx", "onnx_ir", "onnxscript", "monai")
"""Packages whose other version may convert a network in another way."""

PROBE_SIZE, PROBE_LARGEST = (128, 192), 30.0
"""Height and width of the image whose scores are noted, which every network takes, MONAI's UNet included, and its
largest value, beyond what most activations let through."""

TOLERANCE = 1e-5
"""Share of the largest score by which one may differ from what was noted: with another number of threads it is 1e-6."""

ANOTHER = f"name another folder in the variable {CACHE_VARIABLE}"
NO_ROOM = f"Make room on that disk, or {ANOTHER}."
IN_THE_WAY = f"Remove the file that lies where a folder belongs, or {ANOTHER}."
REMEDIES = {
    errno.ENOSPC: NO_ROOM,
    getattr(errno, "EDQUOT", errno.ENOSPC): NO_ROOM,
    errno.EEXIST: IN_THE_WAY,
    errno.ENOTDIR: IN_THE_WAY,
    errno.EROFS: f"The disk is read-only: {ANOTHER}.",
}
"""By what the system said; for all else, a folder that can be written to."""

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where converted networks are kept: a folder in what :data:`CACHE_VARIABLE` names, or among the user's caches.

    Raises:
        ValueError: the home folder that the path begins with is not known.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        place = Path(os.path.expanduser(named))
    else:
        if sys.platform == "win32":
            caches = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
        elif sys.platform == "darwin":
            caches = "~/Library/Caches"
        else:
            caches = os.environ.get("XDG_CACHE_HOME", "")
            caches = caches if os.path.isabs(caches) else "~/.cache"  # as the XDG specification demands
        place = Path(os.path.expanduser(caches)) / "monai_mobileunet"
    if str(place).startswith("~"):
        raise ValueError(f"{place}: the home folder is not known. Name a whole path in the variable {CACHE_VARIABLE}.")
    return place.absolute() / "converted"


def kept_conversion(network: nn.Module, in_channels: int, convert: Callable[[nn.Module, int], bytes]) -> bytes:
    """A network as a model, converted only where the same network was not converted before.

    A model is found by the hash of all that decides what the network computes
    (:func:`monai_mobileunet.runtimes.network_identity.describe_network`) and of what converts it. It is taken only out
    of folders that nobody but this user can write to, if its SHA-256 is the one that was noted and the network still
    gives the scores that it gave then.

    Where nothing can be kept, a warning says so, and the network is converted each time.

    Args:
        network: with its weights; it stays as it is.
        in_channels: of its input.
        convert: network and input channels → the model.
    """
    evaluated = copy.deepcopy(network).cpu().float().eval()
    try:
        folder = cache_folder()
        _make_folder(folder)
        place = folder / _key(evaluated, in_channels)
        scores = probe(evaluated, in_channels, PROBE_SIZE, PROBE_LARGEST)
    except Exception as error:  # the network's own code runs here; the conversion says what is wrong with it
        logger.warning("The converted network is not kept: %s", _reason(error))
        return convert(network, in_channels)
    try:
        if os.path.lexists(place):
            return _read(place, scores)
    except (OSError, ValueError) as error:  # damaged, or removed meanwhile
        logger.warning("The converted network is made again: %s", error)
    model = convert(network, in_channels)
    try:
        _keep(place, model, scores, hash_weights(evaluated))
        _make_room(folder)
    except (OSError, ValueError) as error:
        logger.warning("%s: the converted network is not kept there: %s", folder, _reason(error))
    return model


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}. {REMEDIES.get(error.errno, f'Make it writable for you, or {ANOTHER}.')}"


def _key(network: nn.Module, in_channels: int) -> str:
    converter = Path(conversion.__file__).read_text(encoding="utf-8")
    described = [*describe_network(network), str(in_channels), converter, *map(_version, CONVERTERS)]
    return hashlib.sha256("\n".join(described).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _make_folder(folder: Path) -> None:
    """Make the cache folder, and those above it, for this user alone.

    Raises:
        OSError: it cannot be made.
        ValueError: it is not this user's alone.
    """
    for each in reversed((folder, *folder.parents)):
        each.mkdir(0o700, exist_ok=True)
    try:
        _check_mine(folder.lstat(), folder, stat.S_ISDIR)
    except ValueError as error:  # what lies in it may be another's, whatever its permissions become
        remove = f"rm -r {shlex.quote(str(folder))}"
        raise ValueError(f"{error} If nothing in it is to be kept, type: {remove}; or {ANOTHER}.") from error


def _check_mine(state: os.stat_result, path: Path, is_expected: Callable[[int], bool]) -> None:
    """Refuse what others may have written; on Windows, the folders of a user's profile are his own.

    Args:
        state: of a file or folder, of a link itself.
        path: of it, for messages.
        is_expected: whether a mode is of the kind that it must be.

    Raises:
        ValueError: it is of another kind, another user's, or others may write to it.
    """
    if not is_expected(state.st_mode):
        raise ValueError(f"{path}: is a link, or no {'folder' if is_expected is stat.S_ISDIR else 'file'}.")
    if sys.platform != "win32" and state.st_uid != os.getuid():
        raise ValueError(f"{path}: belongs to another user (number {state.st_uid}).")
    if sys.platform != "win32" and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError(f"{path}: others may write to it (mode {stat.S_IMODE(state.st_mode):o}).")


def _read(place: Path, scores: list[float]) -> bytes:
    """The kept model of a network, if it is whole, and nobody but this user could write to it.

    Args:
        place: its folder.
        scores: of the network, now.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is damaged, of another network, or not this user's alone.
    """
    _check_mine(place.lstat(), place, stat.S_ISDIR)
    entry = parse_manifest(_read_mine(place / MANIFEST), place / MANIFEST).get(KIND)
    if entry is None or not same_scores(scores, entry["probe"], TOLERANCE):
        raise ValueError(f"{place}: the network gives other scores than when it was converted.")
    model = _read_mine(place / FILE)
    if hashlib.sha256(model).hexdigest() != entry["files"].get(FILE):
        raise ValueError(f"{place / FILE}: not the file that was written (its SHA-256 differs).")
    with suppress(OSError):  # on a disk that is read-only, nothing makes room for others
        os.utime(place)
    return model


def _read_mine(path: Path) -> bytes:
    """The bytes of a file of this user alone: what is looked at is what is read, and no pipe is waited for."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
        _check_mine(os.fstat(file.fileno()), path, stat.S_ISREG)
        return file.read()


def _keep(place: Path, model: bytes, scores: list[float], weights: str) -> None:
    """Put a model in its place, whole or not at all.

    Args:
        place: its folder.
        model: as it was converted.
        scores: of the network.
        weights: their hash.

    Raises:
        OSError: it cannot be written there.
        ValueError: the scores are not finite, so that they tell nothing.
    """
    if not same_scores(scores, scores, TOLERANCE):
        raise ValueError("its scores of a test image are not finite.")
    files = {FILE: hashlib.sha256(model).hexdigest()}
    manifest = {KIND: {"weights_sha256": weights, "probe": scores, "files": files}}
    with TemporaryDirectory(dir=place.parent, prefix=PREFIX, ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / "made"
        made.mkdir(0o700)
        for name, content in ((FILE, model), (MANIFEST, json.dumps(manifest).encode())):
            (made / name).touch(0o600)
            (made / name).write_bytes(content)
        try:
            os.replace(made, place)
        except OSError:
            try:
                _read(place, scores)  # another process was faster
            except (OSError, ValueError):
                os.replace(place, Path(temporary) / "damaged")
                os.replace(made, place)


def _make_room(folder: Path) -> None:
    """Remove the networks that were not used for longest, and what processes left that were ended while they wrote."""
    kept = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # removed by another process
            state = path.lstat()
            if not stat.S_ISDIR(state.st_mode):
                continue
            if NAME.fullmatch(path.name) and (path / MANIFEST).is_file():
                kept.append((state.st_mtime, path))
            elif LEFTOVER.fullmatch(path.name) and state.st_mtime < time.time() - DAY:
                shutil.rmtree(path, ignore_errors=True)
    for _, path in sorted(kept)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)
