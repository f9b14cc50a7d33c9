"""Run manage.py in its own process, and record its peak memory: `python -m tests.scale.measured OUT manage.py …`."""

import json
import os
import resource
import runpy
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]


@dataclass(frozen=True)
class Measured:
    """The figures of a command. `peak`: the most memory of the process in bytes. `printed`: its standard output."""

    seconds: float
    peak: int
    printed: str


def manage(database, *arguments, schema=None):
    """Run a command of the demo on this database. Raise AssertionError with its output if it fails."""
    environment = {**os.environ, "DEMO_DATABASE": str(database), "DJANGO_SETTINGS_MODULE": "demo_project.settings"}
    if schema is not None:
        environment["DEMO_SCHEMA"] = str(schema)
    noted = Path(f"{database}.measured")
    command = [sys.executable, "-m", "tests.scale.measured", str(noted), str(ROOT / "manage.py"), *map(str, arguments)]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    assert done.returncode == 0, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    peak = json.loads(noted.read_text())
    noted.unlink()
    return Measured(seconds, peak, done.stdout)


def peak():
    """Return the most memory that this process has held at once, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage also counts the parent's memory at the fork
        kib = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:")).split()[1]
        return int(kib) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(out, script, *arguments):
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        out.write_text(json.dumps(peak()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
