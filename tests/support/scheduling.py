"""Turns and groups of tests: CI runs some tests in turn, and pytest-xdist runs a group, which shares slow fixtures, in
one process.

The path of a test decides its group. `--dist loadgroup` uses a mark instead, which it writes into the
private name of a test: with pytest 9.2 it finds no mark any more, and distributes each test by itself.
"""

from pathlib import Path
from zlib import crc32

from xdist.scheduler import LoadScopeScheduling

TURNS = 8
EACH = "[*]"
ROTATION = {
    line: number % TURNS
    for number, line in enumerate(Path(__file__).parent.with_name("rotation.txt").read_text().split())
}
"""The turn of each test or test function of rotation.txt, which lists them by cost. A run of CI takes one turn in six.
The parameters of a function with [*] have turns of their own."""

GROUPS = (
    "tests/admin/",  # a site with a history
    "tests/browser/",  # a browser, servers
    "tests/demo/test_after_the_demo.py",
    "tests/live/test_many_tables.py",
    "tests/orm/test_kitchen.py",
    "tests/product/test_migration_files.py",
    "tests/product/test_schema_json.py",
    "tests/project/test_cached_tests.py",
    "tests/project/test_data_migrations.py",
    "tests/project/test_models_of_the_demo.py",
    "tests/project/test_readable.py",
    "tests/scale/test_evolution.py",
    "tests/scale/test_generated.py",
    "tests/tenants/",  # one process runs all claims
    "tests/test_architecture.py",  # the syntax tree of every file
    "tests/test_docs.py",
    "tests/test_howto.py",
)
PREPARED = "tests/crash/test_crash_"
"""Files whose tests are grouped by scenario, the first word of the parameters, as each scenario is prepared once."""


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A scheduler that runs the groups first, the largest at the start, then all other tests one by one, in order."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    if nodeid.startswith(PREPARED):
        scenario = nodeid.partition("[")[2].partition("-")[0].removesuffix("]")
        return f"{PREPARED}*[{scenario}"
    return next((path for path in GROUPS if nodeid.startswith(path)), nodeid)


def turn_of(nodeid: str) -> int | None:
    """Return the turn of a test, or None for a test that runs each time."""
    function = nodeid.partition("[")[0]
    if function + EACH in ROTATION:
        return crc32(nodeid.encode()) % TURNS
    return ROTATION.get(nodeid, ROTATION.get(function))
