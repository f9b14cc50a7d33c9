"""Measure the goals pair by pair. Samples that were taken before with the same code are used again."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, assert_never

from benchmarks import live, process
from benchmarks.process import ProcessFailed
from benchmarks.source import ROWS_PER_MB, Source, copy_of_adopted, made_by, source
from benchmarks.stopwatch import COMPARED, REWRITE

from . import changes, file_systems
from .contenders import Contender, Sync, against
from .environments import Environments, NotPossible
from .samples import Kept, Sample
from .table import WRITERS, Goal, Memory, Paired, Swap, Verification, Warm

T = TypeVar("T")
MOUNT = 7  # times the size of the file: two sources, two copies of one, a new generation, and some free space


@dataclass(frozen=True, slots=True)
class Figures:
    """The samples of a goal, or why there are none. `is_failed`: a measured process ended with an error."""

    goal: Goal
    samples: list[Sample]
    why_not: str = ""
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how the goals are measured. `code`: the identity of the measured code, see machine.code()."""

    folder: Path
    megabytes: Sequence[int]
    pairs: int
    environments: Environments
    code: str
    say: Callable[[str], object]

    @property
    def kept(self) -> Kept:
        return Kept(self.folder / "samples.jsonl")

    def key(self, goal: Goal) -> str:
        sizes = " ".join(map(str, self._sizes(goal)))
        return f"{goal.name} of {self.code} at {sizes}, {goal.against}"

    def _sizes(self, goal: Goal) -> Sequence[int]:
        small, large = min(self.megabytes), max(self.megabytes)
        match goal.subject:
            case Paired(largest=largest):
                return [large if largest else small]
            case Verification():
                return [small]
            case Memory():
                return [small, large]
            case Swap(megabytes):
                return [megabytes]
            case Warm(tables):
                return [tables]
            case _ as never:
                assert_never(never)

    def known(self, goal: Goal) -> Figures:
        """Return the samples of a goal that were taken before."""
        return Figures(goal, self.kept.read(self.key(goal)), "not measured")

    def measure(self, goal: Goal) -> Figures:
        """Measure the missing pairs of a goal. Return all its samples, or why there are none."""
        have = len(self.known(goal).samples)
        try:
            if have < self.pairs:
                for number, sample in enumerate(self._samples(goal, self.pairs - have), have + 1):
                    self.kept.add(self.key(goal), sample)
                    self.say(f"{goal.name}, pair {number} of {self.pairs}: {_shown(sample)}")
        except NotPossible as reason:
            self.say(f"{goal.name}: {reason}")
            return Figures(goal, [], str(reason))
        except ProcessFailed as error:
            self.say(f"{goal.name}: {error}")
            return Figures(goal, [], "failed", is_failed=True)
        return self.known(goal)

    def _samples(self, goal: Goal, count: int) -> Iterator[Sample]:
        match goal.subject:
            case Paired() as paired:
                return self._paired(paired, *self._sizes(goal), count)
            case Verification(change):
                return (self._verification(change) for _ in range(count))
            case Memory(change):
                return self._memory(change, self._sizes(goal), count)
            case Swap(megabytes):
                return self._swaps(megabytes, count)
            case Warm(tables):
                return self._warm(tables, count)
            case _ as never:
                assert_never(never)

    def _source(self, megabytes: int) -> Source:
        folder = self.folder / "sources" / made_by()
        for other in folder.parent.glob("*"):
            if other != folder:
                shutil.rmtree(other)  # gigabytes, of another version of the benchmark
        return source(folder, ROWS_PER_MB * megabytes)

    def _paired(self, paired: Paired, megabytes: int, count: int) -> Iterator[Sample]:
        other = against(paired.against, paired.change, self.environments)
        with self._placed(self._source(megabytes), paired.file_system, megabytes) as (made, work):
            yield from _pairs(Sync(paired.change), other, made, work, count)

    @contextmanager
    def _placed(self, made: Source, file_system: str | None, megabytes: int) -> Iterator[tuple[Source, Path]]:
        """Yield the source and a folder for copies of it, both on this file system; None: where they are anyway."""
        place = file_systems.mounted(file_system, MOUNT * megabytes, self.folder) if file_system else nullcontext()
        with place as folder:
            yield (made if folder is None else made.copied(folder)), (folder or self.folder) / "work"

    def steps(self, change: str) -> dict[str, float]:
        """Return the seconds of each step of one sync in the smallest file."""
        made = self._source(min(self.megabytes))

        def run(work: Path) -> dict[str, float]:
            database = copy_of_adopted(made, work)
            schema = changes.write(change, made.schema, work / "wanted.json")
            done = process.python("-m", "benchmarks.stopwatch", str(database), str(schema), database=database)
            return json.loads(done.output)["seconds"]

        return _in_folder(run, self.folder / "work")

    def _verification(self, change: str) -> Sample:
        seconds = self.steps(change)
        return Sample(seconds[COMPARED], sum(seconds.get(step, 0.0) for step in REWRITE))

    def _memory(self, change: str, sizes: Sequence[int], count: int) -> Iterator[Sample]:
        small, large = sizes
        if small == large:
            raise NotPossible("it needs two sizes, such as --size 300 2000")
        contender = Sync(change)
        for _ in range(count):
            peaks, empties = [], []
            for made in map(self._source, (large, small)):
                peaks.append(_in_folder(lambda work, made=made: contender.run(made, work), self.folder / "work").peak)
                empty = contender.empty(made)
                empties.append(empty.peak if empty is not None else 0)
            yield Sample(*peaks, *empties)

    def _swaps(self, megabytes: int, count: int) -> Iterator[Sample]:
        database = live.database(self.folder, megabytes)
        try:
            for number in range(count):
                pair = live.pair(self.folder, database, number + 2, WRITERS)
                alone = [ms for _, ms in pair.alone]
                yield Sample(live.p99(pair.around_the_swap()), live.p99(alone))
        finally:
            shutil.rmtree(database.parent)

    def _warm(self, tables: int, count: int) -> Iterator[Sample]:
        place = self.folder / "warm"
        shutil.rmtree(place, ignore_errors=True)
        arguments = ("-m", "benchmarks.goals.warm", str(place), str(tables), str(count))
        for ours, theirs in json.loads(process.run([sys.executable, *arguments]).output):
            yield Sample(ours, theirs)
        shutil.rmtree(place)


def _pairs(ours: Contender, theirs: Contender, made: Source, work: Path, count: int) -> Iterator[Sample]:
    """Measure both in turn, so that a machine that slows down slows both; before each run, time its empty process."""
    for one in (ours, theirs):
        one.empty(made)  # a warm-up
    for number in range(count):
        taken = {}
        for name, one in (("ours", ours), ("theirs", theirs))[:: 1 if number % 2 else -1]:
            empty = one.empty(made)
            taken[f"{name}_empty"] = empty.seconds if empty is not None else 0.0
            taken[name] = _in_folder(lambda work, one=one: one.run(made, work), work).seconds
        yield Sample(**taken)


def _in_folder(run: Callable[[Path], T], work: Path) -> T:
    shutil.rmtree(work, ignore_errors=True)
    try:
        return run(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _shown(sample: Sample) -> str:
    return f"{sample.ours:.4g} beside {sample.theirs:.4g} (empty {sample.ours_empty:.3g}, {sample.theirs_empty:.3g})"
