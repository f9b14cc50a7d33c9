"""The configurations of Django's tests: an engine, a place of the database, a number of processes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

LABELS = (
    *("backends", "transactions", "transaction_hooks", "schema", "introspection"),
    *("inspectdb", "queries", "model_fields", "constraints", "indexes"),
)
ENGINES = {"ours": "schemasync.backends.sqlite3", "stock": "django.db.backends.sqlite3"}
PLACES = ("memory", "disk")
PROCESSES = (2, 1)  # the longest last would leave a core idle at the end

# Django's own settings for tests on SQLite, which differ between its versions, are next to runtests.py.
SETTINGS = """\
from test_sqlite import *

DATABASES = {databases!r}
RECORD = {record!r}
TEST_RUNNER = "tests.django_suite.recorder.Recorder"
"""


@dataclass(frozen=True, slots=True)
class Configuration:
    engine: str
    place: str
    processes: int

    @property
    def name(self) -> str:
        """The name in the command line, the table and the folders, such as `ours-disk-2`."""
        return f"{self.engine}-{self.place}-{self.processes}"

    def settings(self, databases: Path, record: Path) -> str:
        """Return a settings module with databases in this folder, whose test runner writes its result to `record`."""
        return SETTINGS.format(
            databases={alias: self._database(databases / f"{alias}.sqlite3") for alias in ("default", "other")},
            record=str(record),
        )

    def _database(self, path: Path) -> dict[str, object]:
        database: dict[str, object] = {"ENGINE": ENGINES[self.engine]}
        return database | ({"TEST": {"NAME": str(path)}} if self.place == "disk" else {})


ALL = tuple(
    Configuration(engine, place, processes)
    for processes, place, engine in product(PROCESSES, PLACES, ENGINES)
    if engine == "ours" or processes == PROCESSES[0]  # the number of processes does not change the result of a test
)
