"""Mount a file system whose files can share blocks on a loop device, during a measurement."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .environments import NotPossible

MAKERS = {"xfs": ("mkfs.xfs", "-q", "-m", "reflink=1"), "btrfs": ("mkfs.btrfs", "-q")}
SMALLEST = 512  # megabytes: xfs wants 300, btrfs some 110


@contextmanager
def mounted(kind: str, megabytes: int, folder: Path) -> Iterator[Path]:
    """Create and mount a file system of that size in a sparse file in `folder`. Yield the folder where it is mounted.
    Raises NotPossible if this machine cannot do that."""
    _check(kind)
    image, place = folder / f"{kind}.image", folder / kind
    if place.is_mount():  # of a run that was killed
        _run("umount", str(place))
    image.unlink(missing_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    with image.open("wb") as file:
        file.truncate(max(SMALLEST, megabytes) * 1_000_000)
    try:
        _run(*MAKERS[kind], str(image))
        _run("mount", "-o", "loop", str(image), str(place))
        try:
            yield place
        finally:
            _run("umount", str(place))
    finally:
        image.unlink(missing_ok=True)
        place.rmdir()


def _check(kind: str) -> None:
    if sys.platform != "linux":
        raise NotPossible(f"a loop mount of {kind} needs Linux")
    if os.geteuid() != 0:
        raise NotPossible(f"a loop mount of {kind} needs root")
    if shutil.which(MAKERS[kind][0]) is None:
        raise NotPossible(f"{MAKERS[kind][0]} is not installed (packages xfsprogs and btrfs-progs)")


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise NotPossible(f"{' '.join(command)} failed: {done.stdout.strip()}")
