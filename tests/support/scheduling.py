"""Which tests CI takes in turn, and which run in one process of pytest-xdist: those that share what is slow to make.

The path of a test decides its group. `--dist loadgroup` decides by a mark, which it writes into the
private name of a test: with pytest 9.2 it finds no mark any more and distributes each test by itself.
"""

from pathlib import Path
from zlib import crc32

from xdist.scheduler import LoadScopeScheduling

TURNS = 6
EACH = "[*]"
ROTATION = {
    line: number % TURNS
    for number, line in enumerate(Path(__file__).parent.with_name("rotation.txt").read_text().split())
}
"""The turn of each test, or test function, of which a run of CI takes one in six; in the order of what they cost. The
parameters of a function with [*] have turns of their own."""

GROUPS = (
    "tests/admin/",  # a site that was operated for a while
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
STAGES = "tests/crash/test_crash_"
"""Their tests are grouped by the scenario, the first word of the parameters: each makes a stage."""


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """The groups first, from the one with most tests on; then the tests of no group, one by one, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    if nodeid.startswith(STAGES):
        scenario = nodeid.partition("[")[2].partition("-")[0].removesuffix("]")
        return f"{STAGES}*[{scenario}"
    return next((path for path in GROUPS if nodeid.startswith(path)), nodeid)


def turn_of(nodeid: str) -> int | None:
    """The turn of a test; None for one that runs each time."""
    function = nodeid.partition("[")[0]
    if function + EACH in ROTATION:
        return crc32(nodeid.encode()) % TURNS
    return ROTATION.get(nodeid, ROTATION.get(function))
