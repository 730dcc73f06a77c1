from __future__ import annotations

from pathlib import Path

import pytest

from monai_mobileunet.cohort.control_groups import group_memory

GIB = 2**30
NO_LIMIT = 9223372036854771712
V1 = "35 31 0:32 {top} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
V2 = "30 23 0:26 {top} /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate"
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"
OTHERS = "22 27 0:21 / /proc rw - proc proc rw\n33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"


class Machine:
    """Files of a kernel, in a folder."""

    def __init__(self, root: Path, cgroup: str, *mounts: str) -> None:
        self.root, self.process = root, root / "proc" / "self"
        self.process.mkdir(parents=True)
        (self.process / "cgroup").write_text(cgroup + "\n")
        (self.process / "mountinfo").write_text(OTHERS + "\n".join(mounts) + "\n")

    def group(self, folder: str, stat: str = "", **files: object) -> None:
        place = self.root / "sys/fs/cgroup" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (place / name.replace("__", ".")).write_text(f"{content}\n")
        (place / "memory.stat").write_text(stat)

    def free(self) -> list[int]:
        return sorted(group.free for group in group_memory(self.process, self.root))

    def limit(self) -> int | None:
        return min((group.limit for group in group_memory(self.process, self.root)), default=None)


def test_version_2_takes_the_tightest_of_a_group_and_all_above(tmp_path: Path):
    machine = Machine(tmp_path, "0::/system.slice/slurm/job_7/step_0", V2.format(top="/"))
    machine.group("system.slice/slurm/job_7/step_0", memory__max="max", memory__current=5, memory__high="max")
    machine.group("system.slice/slurm/job_7", memory__max=4 * GIB, memory__current=GIB)
    machine.group("system.slice/slurm", memory__max=9 * GIB, memory__current=8 * GIB)
    machine.group("system.slice", memory__max="max", memory__current=8 * GIB)
    assert machine.limit() == 4 * GIB
    assert machine.free() == [GIB, 3 * GIB], "others in a group above leave less than the tightest limit"


def test_version_1_nested(tmp_path: Path):
    machine = Machine(tmp_path, "5:cpu,cpuacct:/\n4:memory:/job/step\n1:name=systemd:/else", V1.format(top="/"))
    machine.group("memory/job/step", memory__limit_in_bytes=NO_LIMIT, memory__usage_in_bytes=7)
    machine.group("memory/job", memory__limit_in_bytes=900 * 2**20, memory__usage_in_bytes=100 * 2**20)
    machine.group("memory", memory__limit_in_bytes=NO_LIMIT)
    assert machine.limit() == 900 * 2**20
    assert machine.free() == [800 * 2**20]


def test_cached_files_that_are_not_in_use_are_free(tmp_path: Path):
    machine = Machine(tmp_path, "0::/a", V2.format(top="/"))
    machine.group("a", "anon 5\ninactive_file 300\nactive_file 9\n", memory__max=1000, memory__current=500)
    assert machine.free() == [800]
    one = Machine(tmp_path / "1", "4:memory:/a", V1.format(top="/"))
    stat = f"inactive_file 1\ntotal_inactive_file 300\nhierarchical_memory_limit {NO_LIMIT}\n"
    one.group("memory/a", stat, memory__limit_in_bytes=1000, memory__usage_in_bytes=500)
    assert one.free() == [800]


def test_a_hybrid_layout(tmp_path: Path):
    machine = Machine(tmp_path, "4:memory:/job\n0::/user.slice", V1.format(top="/"), UNIFIED)
    machine.group("memory/job", memory__limit_in_bytes=GIB, memory__usage_in_bytes=0)
    machine.group("unified/user.slice")
    assert machine.limit() == GIB


@pytest.mark.parametrize(
    ("path", "top"),
    [
        ("/docker/abc", "/docker/abc"),  # as the host sees it, mounted from there on
        ("/docker/abc", "/"),  # as the host sees it, in a name space of its own
        ("/", "/"),
        ("/", "/../.."),
        ("/../../elsewhere", "/"),  # the process has been moved out of its name space
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_in_a_container_what_is_mounted_counts(tmp_path: Path, path: str, top: str, version: int):
    if version == 2:
        machine = Machine(tmp_path, f"0::{path}", V2.format(top=top))
        machine.group("", memory__max=GIB, memory__current=GIB // 2)
    else:
        machine = Machine(tmp_path, f"4:memory:{path}", V1.format(top=top))
        machine.group("memory", memory__limit_in_bytes=GIB, memory__usage_in_bytes=GIB // 2)
    assert machine.free() == [GIB // 2]


def test_a_group_inside_of_what_a_container_mounts(tmp_path: Path):
    machine = Machine(tmp_path, "0::/docker/abc/job", V2.format(top="/docker/abc"))
    machine.group("job", memory__max=5, memory__current=1)
    machine.group("", memory__max=100, memory__current=1)
    assert machine.free() == [4, 99]


def test_a_limit_above_what_a_container_sees(tmp_path: Path):
    machine = Machine(tmp_path, "4:memory:/x", V1.format(top="/x"))
    stat = f"hierarchical_memory_limit {GIB}\n"
    machine.group("memory", stat, memory__limit_in_bytes=NO_LIMIT, memory__usage_in_bytes=0)
    assert machine.limit() == GIB


def test_memory_high_counts_and_odd_mount_points_are_found(tmp_path: Path):
    mount = "30 23 0:26 / /sys/fs/cgroup/my\\040groups rw - cgroup2 cgroup2 rw"
    machine = Machine(tmp_path, "0::/a:b", mount)
    machine.group("my groups/a:b", memory__max=10, memory__high=7, memory__current=9)
    assert machine.limit() == 7
    assert machine.free() == [0], "never less than nothing"


@pytest.mark.parametrize("limit", ["max", NO_LIMIT, 2**63 - 1, 2**64 - 1, "", "-1", "nonsense"])
def test_no_limit_and_nonsense_are_none(tmp_path: Path, limit: object):
    machine = Machine(tmp_path, "4:memory:/a\n0::/a", V1.format(top="/"), UNIFIED)
    machine.group("memory/a", memory__limit_in_bytes=limit, memory__usage_in_bytes=5)
    machine.group("unified/a", memory__max=limit, memory__current=5)
    assert group_memory(machine.process, machine.root) == []


def test_a_system_without_control_groups(tmp_path: Path):
    assert group_memory(tmp_path / "nothing", tmp_path) == []
    assert Machine(tmp_path, "nonsense", "more - nonsense").free() == []
