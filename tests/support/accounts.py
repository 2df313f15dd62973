"""Acting as an account that the rights of files hold for; root is beyond them."""

import codecs
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

IS_ROOT = os.geteuid() == 0


@contextmanager
def unprivileged() -> Iterator[None]:
    """Act as nobody while the block runs, where the tests are root's; else as who they are.

    Directories that no one else may enter have to be opened before.
    """
    if not IS_ROOT:
        yield
        return
    codecs.lookup("ascii")  # what is loaded when it is first used may be out of reach by then
    nobody = pwd.getpwnam("nobody")
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(nobody.pw_gid)
    os.seteuid(nobody.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Let new files lack these permissions while the block runs."""
    former = os.umask(mask)
    try:
        yield
    finally:
        os.umask(former)
