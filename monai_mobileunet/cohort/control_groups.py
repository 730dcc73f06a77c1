"""How much memory the control groups of a process leave it: containers, SLURM's jobs and systemd's units have limits.

A process is in a group of the version 2 hierarchy, of version 1's for memory, or of both; what binds it is the
tightest limit of that group and of all groups above it. Only texts of ``/proc`` and ``/sys`` are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["GroupMemory", "group_memory"]

PROCESS = Path("/proc/self")
UNLIMITED = 1 << 62
"""What is said where nothing is limited: version 1 writes the largest multiple of a page below 2**63."""

ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}
"""How ``mountinfo`` writes what would tear its columns."""


@dataclass(frozen=True)
class GroupMemory:
    """Memory of a group.

    Attributes:
        path: folder of the group.
        limit: bytes that all its processes may have together.
        used: bytes that they have, without files that are cached and not in use.
    """

    path: Path
    limit: int
    used: int

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True)
class _Version:
    """Where a version of control groups keeps what is asked for."""

    limits: tuple[str, ...]
    used: str
    cached: tuple[str, ...]
    inherited: tuple[str, ...] = ()


VERSIONS = {
    # above memory.high a group is not killed, but so slowed down that it gets nowhere
    "cgroup2": _Version(("memory.max", "memory.high"), "memory.current", ("inactive_file",)),
    "cgroup": _Version(
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        ("total_inactive_file", "inactive_file"),
        ("hierarchical_memory_limit",),  # of all above it, those too that a container cannot see
    ),
}


def group_memory(process: Path = PROCESS, root: Path = Path("/")) -> list[GroupMemory]:
    """The groups that limit a process, each with what is left in it.

    Args:
        process: its folder in ``/proc``.
        root: what mount points are below of; another than ``/`` for tests.

    Returns:
        None where nothing is limited, or where there are no control groups, as on macOS and Windows.
    """
    groups = _groups(_text(process / "cgroup"))
    found = []
    for kind, inside, mounted in _mounts(_text(process / "mountinfo")):
        if kind in groups:
            place = root / mounted.lstrip("/")
            found += [group for folder in _up(place, inside, groups[kind]) for group in _read(folder, VERSIONS[kind])]
    return found


def _text(path: Path) -> str:
    """A file of the kernel's; empty if there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _groups(text: str) -> dict[str, str]:
    """The group of a process by version, from ``/proc/…/cgroup``: ``4:memory:/job`` or ``0::/job``."""
    groups = {}
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, found, path = rest.partition(":")
        if found and number == "0" and not controllers:
            groups["cgroup2"] = path
        elif found and "memory" in controllers.split(","):
            groups["cgroup"] = path
    return groups


def _mounts(text: str) -> Iterator[tuple[str, str, str]]:
    """Version, group at the top, and mount point of each mounted hierarchy with memory, from ``mountinfo``."""
    for line in text.splitlines():
        before, found, after = line.partition(" - ")
        fields, (kind, *others) = before.split(), after.split() or [""]
        if not found or len(fields) < 5 or kind not in VERSIONS:
            continue
        if kind == "cgroup2" or "memory" in ",".join(others).split(","):
            yield kind, _unescaped(fields[3]), _unescaped(fields[4])


def _unescaped(text: str) -> str:
    for code, character in ESCAPES.items():
        text = text.replace(code, character)
    return text


def _up(place: Path, inside: str, group: str) -> list[Path]:
    """Folders of a group and of all above it that can be seen, up to the mount point.

    In a container the path may be the one that the host sees, while the hierarchy is mounted from the container's own
    group on (then the rest of it counts), or from elsewhere (then what is mounted is the best that is known).
    """
    path, top = PurePosixPath(group), PurePosixPath(inside)
    if path.is_relative_to(top):
        path = path.relative_to(top)
    below = PurePosixPath(*(part for part in path.parts if part not in ("/", "..")))
    return [place / parent for parent in (below, *below.parents)]


def _read(folder: Path, version: _Version) -> Iterator[GroupMemory]:
    stat = _numbers(_text(folder / "memory.stat"))
    limits = [_number(_text(folder / name)) for name in version.limits]
    limits += [stat.get(name) for name in version.inherited]
    known = [limit for limit in limits if limit is not None and 0 <= limit < UNLIMITED]
    if known:
        used = _number(_text(folder / version.used)) or 0
        cached = next((stat[name] for name in version.cached if name in stat), 0)
        yield GroupMemory(folder, min(known), max(0, used - cached))


def _number(text: str) -> int | None:
    """A number; ``None`` for ``max``, and for what is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _numbers(text: str) -> Mapping[str, int]:
    """``name number`` lines."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and _number(pair[1]) is not None}
