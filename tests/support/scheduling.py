"""Which tests run in one process of pytest-xdist: those that share what is slow to make.

The path of a test decides its group. `--dist loadgroup` decides by a mark, which it writes into the
private name of a test: with pytest 9.2 it finds no mark any more and distributes each test by itself.
"""

from xdist.scheduler import LoadScopeScheduling

GROUPS = (
    "tests/browser/",  # a browser, servers
    "tests/orm/test_kitchen.py",
    "tests/scale/test_evolution.py",
    "tests/scale/test_generated.py",
)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """The groups first, from the one with most tests on; then the tests of no group, one by one, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    return next((path for path in GROUPS if nodeid.startswith(path)), nodeid)
