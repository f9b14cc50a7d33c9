"""Django's tests: only its source distribution has them, and this repository keeps no part of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import django

from ..support.archives import unpack
from ..support.caches import cache_folder

CACHE = "DJANGO_SUITE_CACHE"
"""The environment variable for the folder that caches source distributions."""


def default_cache() -> Path:
    if named := os.environ.get(CACHE):
        return Path(named)
    return cache_folder("schemasync-django-suite")


def tests_of_django(cache: Path) -> Path:
    """Return the folder `tests` of exactly the installed Django; download it if the cache does not have it."""
    unpacked = cache / f"django-{django.get_version()}"
    if not unpacked.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            # renamed when complete: an interrupted run leaves nothing that looks finished
            _unpacked(_fetched(Path(name))).rename(unpacked)
    return unpacked / "tests"


def _fetched(folder: Path) -> Path:
    """Download the archive. pip builds its metadata, and gets the build requirements of Django from the index."""
    wanted = f"Django=={django.get_version()}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "Django", wanted]
    subprocess.run([*command, "--dest", str(folder)], check=True)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _unpacked(archive: Path) -> Path:
    folder = archive.parent / "unpacked"
    with tarfile.open(archive) as tar:
        unpack(tar, folder)
    (top,) = folder.iterdir()
    return top
