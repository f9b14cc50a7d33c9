"""A scenario with its state before the run, and the dumps before and after the whole run."""

from __future__ import annotations

from pathlib import Path

from .databases import SampleDatabase, dump, read
from .processes import child
from .scenarios import SCENARIOS, make, run


class PreparedScenario:
    """A scenario whose state `before` is on the disk, for each test to copy. `old` and `new` are the dumps before and
    after the run; `old` is None if there is no database yet."""

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir()
        self.scenario = SCENARIOS[name]
        if self.scenario.current is not None:
            read(self.scenario.current)
        self.before = make(self.scenario, folder / "before")
        self.old = dump(self.copy(folder / "old").link) if self.before.link.exists() else None
        finished = self.copy(folder / "after")
        child(lambda: run(self.scenario, finished.target())).result()
        self.new = dump(finished.link)

    def copy(self, folder: Path) -> SampleDatabase:
        return self.before.copy(folder)
