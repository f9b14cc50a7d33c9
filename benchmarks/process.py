"""Run a process and measure its time by the clock, its time of the processor, and its memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).absolute().parent.parent
KIB = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes on macOS, KiB elsewhere


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of a process: `seconds` by the clock, `cpu` seconds of user and system, `peak` bytes of memory; and
    its output."""

    seconds: float
    cpu: float
    peak: int
    output: str


class ProcessFailed(Exception):
    """A measured process ended with an error: its figures would mean nothing."""


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run a command to its end. Raises ProcessFailed with its output if it fails."""
    with tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode(errors="replace")
    if process.returncode:
        raise ProcessFailed(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * KIB, output)


def site(database: Path, schema: Path | None = None, **more: str) -> dict[str, str]:
    """Return the environment of a process of the measured site. `more`: settings by their name after `BENCHMARK_`."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmarks.project.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "",
        "BENCHMARK_DATABASE": str(database),
        "BENCHMARK_ENABLED": "",
        "BENCHMARK_STOCK": "",
        "BENCHMARK_SCHEMA": str(schema or database.with_name("schema.json")),
        **{f"BENCHMARK_{name.upper()}": value for name, value in more.items()},
    }


def python(*arguments: str, database: Path, schema: Path | None = None, enabled: bool = False, **more: str) -> Run:
    """Run this interpreter with the settings of the measured site; `enabled`: schema.json instead of migrations."""
    return run([sys.executable, *arguments], site(database, schema, enabled="1" if enabled else "", **more))


def manage(*arguments: str, database: Path, schema: Path | None = None, enabled: bool = False, **more: str) -> Run:
    """Run a management command of the measured site."""
    return python("-m", "django", *arguments, database=database, schema=schema, enabled=enabled, **more)
