"""Deliberate faults in the code that handles writes, one at a time: does one of the nearest tests fail?

A mutant is a copy of the package with one change to one module. The tests nearest to that module run against the
copy, and stop at the first failure. A mutant that passes them all is a survivor: either a test is missing, or the
change makes no difference, and `equivalent.toml` has the reason.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine

from .mutations import Mutation, mutations

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("schemasync", "tests", "demo_project", "benchmarks", "manage.py", "setup.cfg", "pyproject.toml", "README.md")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")

LIMIT = 60.0  # seconds for the tests of one mutant
SLOWER = 4.0  # or 4 times their time without a fault, if that is more: other programs may use the processor
GRACE = 3.0  # seconds for pytest to clean up once it is interrupted

_SQLITE = "schemasync/engines/sqlite"
_HELD = "tests/backend/test_held_across_a_swap.py"
_OUTSIDE_THE_LOG = "tests/live/test_outside_the_log.py"
_RENUMBERED = f"{_OUTSIDE_THE_LOG}::test_row_ids_that_a_vacuum_renumbered_end_the_run_and_the_table_is_named"
_COUNTED = "tests/verification/test_followed.py::test_the_report_counts_each_key_that_was_replayed_while_it_was_built_and_at_the_swap"
NEAREST: dict[str, tuple[str, ...]] = {
    f"{_SQLITE}/fence.py": (
        "tests/verification/test_followed.py",
        "tests/crash/test_recovery_states.py",
        "tests/live/test_runs.py",
        "tests/faults/test_stale_writers.py",
        "tests/backend/test_fenced.py",
        f"{_HELD}::test_a_write_to_a_virtual_table_of_a_fenced_file_goes_to_the_new_one",
        f"{_HELD}::test_a_query_is_explained_beside_a_writer_where_there_are_virtual_tables",
    ),
    f"{_SQLITE}/triggers.py": ("tests/live/test_many_tables.py",),
    f"{_SQLITE}/capture/changelog.py": (
        "tests/verification/test_followed.py",
        "tests/live/test_meanwhile.py",
        "tests/live/test_runs.py",
    ),
    f"{_SQLITE}/capture/key_mapping.py": (
        "tests/verification/test_replayed.py",
        "tests/verification/test_followed.py",
        "tests/live/test_meanwhile.py",
    ),
    f"{_SQLITE}/capture/replay.py": (
        "tests/verification/test_replayed.py",
        "tests/live/test_meanwhile.py",
        "tests/live/test_new_references.py",
        "tests/live/test_runs.py",
        _RENUMBERED,
        f"{_OUTSIDE_THE_LOG}::test_rows_that_got_another_key_are_followed_by_their_new_row_ids_after_a_vacuum",
        f"{_OUTSIDE_THE_LOG}::test_rows_at_the_ends_of_a_table_that_are_changed_past_the_triggers_end_the_run",
        f"{_OUTSIDE_THE_LOG}::test_rows_that_are_added_past_the_triggers_come_along_and_let_the_table_be_compared",
        f"{_OUTSIDE_THE_LOG}::test_a_backup_that_is_restored_over_the_live_file_ends_the_run",
        f"{_OUTSIDE_THE_LOG}::test_a_backup_from_the_same_run_ends_it_too_however_much_was_written_since",
        _COUNTED,
        "tests/live/test_postpone.py::"
        "test_what_is_written_past_the_triggers_while_it_waits_is_found_where_all_is_to_be_verified",
    ),
    f"{_SQLITE}/verify/rows.py": ("tests/verification", "tests/command/test_rollback.py"),
    f"{_SQLITE}/verify/row_sql.py": ("tests/verification", "tests/command/test_rollback.py"),
    f"{_SQLITE}/verify/counters.py": ("tests/verification",),
    f"{_SQLITE}/verify/references.py": ("tests/verification", "tests/scale/test_references.py"),
    f"{_SQLITE}/verify/ends.py": ("tests/verification/test_damages.py",),
    f"{_SQLITE}/verify/altered.py": (
        "tests/verification/test_altered.py",
        "tests/verification/test_damages.py",
    ),
    f"{_SQLITE}/older_rows.py": ("tests/verification/test_altered.py",),
    f"{_SQLITE}/rebuild/alter.py": (
        "tests/verification/test_altered.py",
        "tests/command/test_in_place.py",
        "tests/test_cases.py::test_case",
    ),
    f"{_SQLITE}/checkpoint.py": ("tests/live/test_checkpoint.py",),
    "schemasync/files/copy_process.py": (
        "tests/files/test_copy_process.py",
        "tests/live/test_kernel_copy.py",
    ),
    "schemasync/files/kernel_copy.py": ("tests/live/test_kernel_copy.py",),
    "schemasync/sync/phases/build.py": (
        "tests/verification",
        "tests/live/test_runs.py",
        "tests/faults/test_signals.py::test_a_signal_does_not_wait_for_the_end_of_a_long_statement",
    ),
    "schemasync/sync/phases/build_source.py": (
        "tests/verification",
        "tests/live/test_runs.py",
    ),
    "schemasync/sync/phases/capture.py": (
        "tests/verification/test_followed.py",
        "tests/live/test_runs.py",
        "tests/verification/test_replayed.py",
    ),
    "schemasync/sync/phases/catch_up.py": (
        "tests/live/test_runs.py",
        "tests/verification/test_replayed.py",
        "tests/verification/test_followed.py",
        "tests/live/test_postpone.py",
        _RENUMBERED,
    ),
    "schemasync/sync/phases/lag.py": (
        "tests/verification/test_followed.py",
        "tests/live/test_runs.py",
        "tests/verification/test_replayed.py",
        "tests/live/test_postpone.py",
    ),
    "schemasync/sync/phases/write_lock.py": (
        "tests/verification/test_followed.py",
        "tests/live/test_runs.py",
        "tests/faults/test_stale_writers.py",
    ),
    "schemasync/sync/phases/cutover.py": (
        "tests/crash/test_recovery_states.py",
        "tests/live/test_runs.py",
        "tests/faults/test_stale_writers.py",
        "tests/files/test_durable_order.py",
        "tests/files/test_mounted.py",
        "tests/files/test_put_in_place.py::"
        "test_an_old_file_that_is_deleted_in_the_middle_of_the_swap_does_not_hold_it_up",
        "tests/faults/test_signals.py",
    ),
    "schemasync/sync/recovery.py": (
        "tests/crash/test_recovery_states.py",
        "tests/crash/test_crash_in_recovery.py",
        "tests/files/test_aliases.py",
        "tests/files/test_mounted.py",
        "tests/files/test_put_in_place.py::"
        "test_a_file_that_came_out_in_a_run_that_was_killed_is_kept_with_its_log_and_named",
    ),
    "schemasync/backends/sqlite3/base.py": (
        "tests/backend/test_fenced.py",
        "tests/backend/test_following.py",
        _HELD,
    ),
}
"""The tests nearest to each module, in the order in which they usually fail first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a mutant: killed (a test failed), hung (its tests did not end), or survived."""

    mutation: Mutation
    kind: str
    seconds: float


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the choice")
    parser.add_argument("--count", type=int, default=200, help="mutants, spread evenly over the modules")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--module", action="append", choices=list(NEAREST), help="only of this one; may be repeated")
    parser.add_argument("--line", type=int, help="only changes to this line")
    parser.add_argument("--again", type=Path, metavar="FILE", help="the survivors that a run printed into this file")
    parser.add_argument("--list", action="store_true", help="say which mutants there are, and run none")
    given = parser.parse_args(arguments)

    modules = given.module or list(NEAREST)
    if given.list:
        chosen = choose(ROOT, modules, given.seed, given.count, given.line)
        print(*(f"{m.where}: {m.what}" for m in chosen), sep="\n")
        return 0
    print(f"$ python -m tests.long mutants --seed {given.seed} --count {given.count}", flush=True)
    print(*machine.described(), sep="\n", flush=True)
    begun, commit = time.monotonic(), machine.commit()
    until = begun + given.minutes * 60 if given.minutes else float("inf")
    outcomes: list[Outcome] = []
    with copied() as copy:
        limits = copy.limits(modules)
        if given.again is not None:
            chosen = again(copy.folder, modules, given.again.read_text("utf-8"))
        else:
            chosen = choose(copy.folder, modules, given.seed, given.count, given.line)
        for mutation in chosen:
            if time.monotonic() > until:
                break
            outcome = copy.outcome(mutation, limits[mutation.module])
            outcomes.append(outcome)
            _note(f"{outcome.seconds:5.0f} s {outcome.kind:8} {mutation.where}: {mutation.what}")
    return report(outcomes, given.seed, time.monotonic() - begun, commit)


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def choose(root: Path, modules: list[str], seed: int, count: int, line: int | None = None) -> list[Mutation]:
    """Choose `count` random mutations, from each module in turn, so that small modules get as many as large ones."""
    chance, piles = random.Random(seed), []
    for module in modules:
        pile = list(mutations(root, module))
        chance.shuffle(pile)
        piles.append([m for m in pile if line is None or m.line == line])
    found: list[Mutation] = []
    while any(piles) and len(found) < count:
        for pile in piles:
            if pile and len(found) < count:
                found.append(pile.pop())
    return found


def again(root: Path, modules: list[str], printed: str) -> list[Mutation]:
    """Return the survivors of an earlier run whose change is still possible, also if its line has moved."""
    survivors = {tuple(found) for found in re.findall(r"^  (\S+\.py):\d+: (.*)$", printed, re.MULTILINE)}
    return [m for module in modules for m in mutations(root, module) if (m.module, m.what) in survivors]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the checkout. Mutations change modules only in the copy."""

    folder: Path

    def limits(self, modules: list[str]) -> dict[str, float]:
        """Return the time limit in seconds for a mutant of each module. Exit if tests fail without a fault."""
        taken = {}
        for tests in dict.fromkeys(tests for module in modules for tests in NEAREST[module]):
            kind, taken[tests] = self._run((tests,), 600)
            if kind != "survived":
                raise SystemExit(f"{tests} fails without a fault")
            _note(f"{taken[tests]:5.0f} s without a fault: {tests}")
        return {module: max(LIMIT, SLOWER * sum(taken[tests] for tests in NEAREST[module])) for module in modules}

    def outcome(self, mutation: Mutation, limit: float) -> Outcome:
        path = self.folder / mutation.module
        before = path.read_text("utf-8")
        try:
            self._write(path, mutation.source)
            return Outcome(mutation, *self._run(NEAREST[mutation.module], limit))
        finally:
            self._write(path, before)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, "utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()  # Python would use one whose source has the same second and size

    def _run(self, tests: tuple[str, ...], limit: float) -> tuple[str, float]:
        begun, command = time.monotonic(), [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-m", "not slow"]
        temporary = self.folder / "temporary"
        temporary.mkdir()
        environment = os.environ | {"PYTHONPATH": str(self.folder), "TMPDIR": str(temporary)}
        process = subprocess.Popen(
            [*command, "-p", "no:cacheprovider", *tests],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
            kind = "survived" if code == 0 else "killed"
        except subprocess.TimeoutExpired:
            kind = "hung"
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with processes that its tests have left running
            process.wait()
            shutil.rmtree(temporary, ignore_errors=True)
        return kind, time.monotonic() - begun


@contextmanager
def copied() -> Iterator[Copy]:
    """A copy of the checkout, in memory if possible. Processes that tests start import from it, too."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="mutants-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # some tests switch to a user without privileges, who imports from it
        for part in COPIED:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / part, folder / part)
        command = [sys.executable, "-c", "import schemasync; print(schemasync.__file__)"]
        environment = os.environ | {"PYTHONPATH": name}
        found = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True).stdout
        assert Path(found.strip()).is_relative_to(folder), f"the tests would import {found}"
        yield Copy(folder)


def report(outcomes: list[Outcome], seed: int, seconds: float, commit: str) -> int:
    """Print the counts and the survivors. Return 1 if a survivor has no reason, else 0."""
    reasons = equivalent()
    counts = Counter(outcome.kind for outcome in outcomes)
    survivors = [outcome.mutation for outcome in outcomes if outcome.kind == "survived"]
    without = [mutation for mutation in survivors if mutation.name not in reasons]
    times = sorted(outcome.seconds for outcome in outcomes)
    print(
        f"mutants: seed {seed}, {len(outcomes)} mutants of {len({o.mutation.module for o in outcomes})} modules in {seconds:,.0f} s"
        f" (median {times[len(times) // 2] if times else 0:.0f} s): {counts['killed']} killed, {counts['hung']} did not"
        f" end, {len(survivors)} survived, of which {len(survivors) - len(without)} make no difference"
    )
    for mutation in survivors:
        print(f"  {mutation.where}: {mutation.what}\n      {reasons.get(mutation.name, 'NO TEST FAILS')}")
    print(f"  commit {commit}")
    return 1 if without else 0


def equivalent() -> dict[tuple[str, str, str], str]:
    """Return the reasons why changes make no difference that a test can see, by (module, function, change)."""
    data = tomllib.loads(EQUIVALENT.read_text("utf-8"))
    return {(one["module"], one["function"], one["change"]): one["reason"] for one in data.get("mutant", [])}
