"""Exchanges two names in one atomic step, if the operating system can.

rename(2) replaces whatever is at its target. An exchange keeps it: both names stay, each with the other's object. Linux
has renameat2(2) with RENAME_EXCHANGE, macOS renamex_np(2) with RENAME_SWAP. Not every file system supports them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_AT_FDCWD = -100
_NO_REPLACE, _EXCHANGE = (1, 2) if sys.platform != "darwin" else (4, 2)

# musl had no renameat2() for long; the system call numbers are those of the 64-bit kernels.
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276}

# EPERM: the answer of a sandbox that does not know the call. A real EPERM also occurs in the plain rename.
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}

_Rename = Callable[[bytes, bytes, int], int]


def exchange(first: Path, second: Path) -> bool:
    """Exchange two names of one file system. Returns False, with nothing done, if the system cannot do it.

    Raises OSError: FileNotFoundError if one of them does not exist.
    """
    return _rename(first, second, _EXCHANGE)


def rename_without_replacing(old: Path, new: Path) -> bool:
    """Rename. Returns False, with nothing done, if the system has no rename that does not replace.

    Raises OSError: FileExistsError if `new` exists.
    """
    return _rename(old, new, _NO_REPLACE)


def _rename(old: Path, new: Path, flags: int) -> bool:
    function = _function()
    if function is None:
        return False
    if function(os.fsencode(old), os.fsencode(new), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), os.fspath(old), None, os.fspath(new))


@cache
def _function() -> _Rename | None:
    """Return the function of the C library; None without one."""
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        return lambda old, new, flags: int(library.renamex_np(old, new, ctypes.c_uint(flags)))
    at, flagged = ctypes.c_int(_AT_FDCWD), ctypes.c_uint
    if hasattr(library, "renameat2"):
        return lambda old, new, flags: int(library.renameat2(at, old, at, new, flagged(flags)))
    number = _RENAMEAT2.get(platform.machine()) if sys.maxsize > 2**32 else None
    if number is None:
        return None
    call = ctypes.c_long(number)
    return lambda old, new, flags: int(library.syscall(call, at, old, at, new, flagged(flags)))
