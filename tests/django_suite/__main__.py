"""Run Django's tests in every configuration, print the figures; exit 1 if ours differ from the stock backend's.

With `--recorded`, the stock backend runs only where the result of ours differs from its recorded result for these
versions; `--record` records it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import django

from .configuration import ALL, LABELS, Configuration
from .outcome import Outcome, Run, faults, pairs, table
from .record import Record
from .source import CACHE, default_cache, tests_of_django

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = os.cpu_count() or 1  # also with --parallel=2, one process creates the tables and finishes last
TIMEOUT = 600.0  # seconds; the longest run takes a tenth of it
LAST = 150  # lines of an output: enough to show the last test of a run that broke off


def main() -> int:
    options = parser().parse_args()
    source = tests_of_django(options.cache)
    scratch = tempfile.TemporaryDirectory() if options.keep is None else nullcontext(str(options.keep))
    chosen = [configuration for configuration in ALL if configuration.name in options.configurations]
    record = Record(options.labels)
    with scratch as name, ThreadPoolExecutor(TOGETHER) as pool:
        run_all = partial(pool.map, partial(run, source, Path(name).resolve(), options.labels))
        runs = list(run_all(record.without_stock(chosen) if options.recorded else chosen))
        if options.recorded:
            needed = record.stock_to_run(runs, chosen)
            runs += run_all(needed)
            for configuration in chosen:
                if configuration.engine == "stock" and configuration not in needed:
                    print(f"{configuration.name} is not run: ours came to what is recorded of it")
    if options.record:
        record.write(runs)
    print(f"Django {django.get_version()}, Python {sys.version.split()[0]}: {' '.join(options.labels)}\n")
    print(table(runs))
    wrong = list(faults(runs))
    compared = sum(1 for _ in pairs(runs))
    fine = f"no test fails; in {compared} pairs the same ones were skipped or expected to fail"
    print("", *wrong or [fine], sep="\n")
    return 1 if wrong else 0


def parser() -> argparse.ArgumentParser:
    names = [configuration.name for configuration in ALL]
    made = argparse.ArgumentParser(prog="python -m tests.django_suite", description=__doc__)
    made.add_argument("--configurations", nargs="+", choices=names, default=names, metavar="NAME", help=" ".join(names))
    made.add_argument("--labels", nargs="+", choices=LABELS, default=LABELS, metavar="LABEL", help=" ".join(LABELS))
    made.add_argument(
        "--recorded", action="store_true", help="run the stock backend only where its record does not fit"
    )
    made.add_argument("--record", action="store_true", help="write down what the stock backend came to")
    made.add_argument("--keep", type=Path, metavar="FOLDER", help="keep settings, outputs and results there")
    made.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help=f"of sources; also {CACHE}")
    return made


def run(source: Path, scratch: Path, labels: Sequence[str], configuration: Configuration) -> Run:
    """Run runtests.py once, in a separate folder."""
    folder = scratch / configuration.name
    databases, record, output = folder / "databases", folder / "record.json", folder / "output.txt"
    databases.mkdir(parents=True)
    (folder / "suite_settings.py").write_text(configuration.settings(databases, record), "utf-8")
    start = time.monotonic()
    code = run_tests(command(configuration, labels), source, [folder, ROOT], output)
    seconds = time.monotonic() - start
    outcome = Outcome.read(record.read_text("utf-8")) if record.exists() else None
    return Run(configuration, seconds, outcome, trouble(code, outcome, databases, output))


def run_tests(words: list[str], source: Path, path: list[Path], output: Path) -> int | None:
    """Return the exit code, or None if the run had to be stopped."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    with output.open("w") as file:
        try:
            return subprocess.run(
                words, cwd=source, env=environment, stdout=file, stderr=subprocess.STDOUT, timeout=TIMEOUT
            ).returncode
        except subprocess.TimeoutExpired:
            return None


def command(configuration: Configuration, labels: Sequence[str]) -> list[str]:
    words = [sys.executable, "runtests.py", "--settings=suite_settings", f"--parallel={configuration.processes}"]
    return [*words, *labels]


def trouble(code: int | None, outcome: Outcome | None, databases: Path, output: Path) -> str:
    """Return an error that no test reported, or "": a run that broke off or failed after its tests, databases left
    behind."""
    if code is None or outcome is None or bool(code) == outcome.is_clean:
        last = "\n".join(output.read_text("utf-8", "replace").splitlines()[-LAST:])
        return f"exit code {code}, and its output ends in\n{last}"
    left = sorted(path.name for path in databases.iterdir())
    return f"left behind: {' '.join(left)}" if left else ""


if __name__ == "__main__":
    sys.exit(main())
