"""Describe the machine and the code that figures depend on, without naming anybody's machine."""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime

import django

from .process import ROOT


def described(measured: str | None = None) -> list[str]:
    """Return the lines at the head of a report: the date, what was `measured` (by default the commit), the versions
    and the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {measured or f'commit {commit()}'}",
        f"Python {platform.python_version()}, Django {django.__version__}, SQLite {sqlite3.sqlite_version}",
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory; "
        f"load average {os.getloadavg()[0]:.1f} before it began",
    ]


def commit() -> str:
    """Return the short name of the commit, with a remark if the package has local changes; "unknown" without git."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "schemasync")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name} with local changes" if changed else name


def code() -> str:
    """Return the last commit that changed the package, with a digest of its uncommitted changes, as the identity of the
    measured code; "unknown" without git."""
    try:
        name = _git("log", "-1", "--format=%h", "--", "schemasync")
        changed = _git("diff", "HEAD", "--", "schemasync")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name} and changes {hashlib.sha256(changed.encode()).hexdigest()[:8]}" if changed else name


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
