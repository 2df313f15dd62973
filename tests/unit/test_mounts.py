"""On which file system a directory lies."""

import os
from pathlib import Path

import pytest

from daemon.mounts import Mount, is_network, mount_of, mount_with

_TABLE = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 27 0:44 / /srv/my\\040media rw,relatime shared:7 master:1 - nfs4 nas:/media rw,vers=4.2
32 27 0:45 / /srv/exchange rw - fuse.sshfs 1c:/exchange rw
3 27 0:46 / /mnt rw - cifs //nas/mnt rw
""".splitlines()


def test_a_directory_lies_where_the_kernel_says() -> None:
    mount = mount_of(Path("/proc/self"))
    assert mount is not None
    assert mount.kind == "proc"
    assert not mount.is_network


def test_a_directory_on_the_disk_lies_on_an_ancestor(tmp_path: Path) -> None:
    mount = mount_of(tmp_path)
    assert mount is not None
    assert Path(os.path.realpath(tmp_path)).is_relative_to(mount.point)


def test_a_link_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to("/proc")
    assert mount_of(tmp_path / "elsewhere") == mount_of(Path("/proc"))


def test_what_is_no_directory_lies_nowhere(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mount_of(tmp_path / "missing")


def test_a_mount_is_found_by_its_number_whatever_its_line_holds() -> None:
    assert mount_with("31", _TABLE) == Mount("/srv/my media", "nfs4")
    assert mount_with("3", _TABLE) == Mount("/mnt", "cifs")
    assert mount_with("27", _TABLE) == Mount("/", "ext4")


def test_a_mount_of_another_namespace_is_not_found() -> None:
    assert mount_with("99", _TABLE) is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "fuse", "fuse.sshfs"])
def test_others_may_change_what_lies_on_a_network(kind: str) -> None:
    assert Mount("/srv", kind).is_network


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk"])
def test_a_disk_is_no_network(kind: str) -> None:
    assert not Mount("/srv", kind).is_network


def test_what_is_not_there_yet_lies_where_its_parent_does(tmp_path: Path) -> None:
    assert not is_network(tmp_path / "not" / "yet")
    assert not is_network(Path("relative"))
