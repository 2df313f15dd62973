"""Exchange pairs of paths with each other until standard input ends; a program apart, which says how often it did.

python swapper.py ONE OTHER [ONE OTHER]...
"""

import ctypes
import os
import select
import sys

_AT_CWD = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE


def main(paths: list[bytes]) -> int:
    """Given an even number of paths, exchange each one with the next, and have them back at the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    pairs = list(zip(paths[::2], paths[1::2], strict=True))
    count = 0
    while count % 2 or not select.select([sys.stdin], [], [], 0)[0]:
        for one, other in pairs:
            if libc.renameat2(_AT_CWD, one, _AT_CWD, other, _EXCHANGE):
                raise OSError(ctypes.get_errno(), "renameat2")
        count += 1
    return count


if __name__ == "__main__":
    print(main([os.fsencode(path) for path in sys.argv[1:]]))  # noqa: T201
