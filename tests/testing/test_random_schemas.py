"""A site keeps working while a database of a random schema gets a new file: `assert_site_survives` finds no fault."""

import pytest
from hypothesis import event, given

from schemasync.errors import Refused
from schemasync.testing import assert_site_survives, generate_rows, temporary_database
from tests.schema.strategies import trees
from tests.schema.support import effort

pytestmark = pytest.mark.slow


def rebuild(database, tree):
    """Rebuild every table. Writers wait if a run cannot follow their writes to one of the tables."""
    try:
        database.sync(tree, rebuild_all=True)
    except Refused as error:
        assert {str(problem.code) for problem in error.problems} <= {"cannot-follow-writes"}, error
        database.sync(tree, rebuild_all=True, block_writers=True)
        event("writers wait")
    assert database.report.result == "synced"


@effort(4)
@given(trees())
def test_a_site_survives_a_rebuild_of_any_schema(tree):
    with temporary_database(tree, generate_rows(tree)) as database:
        tables = [table.name for table in database.document.schema.tables]
        before = {name: database.rows(name) for name in tables}
        seen = assert_site_survives(lambda: rebuild(database, tree), database)
        assert {name: database.rows(name) for name in tables} == before
        event(f"{len(seen.written_tables)} tables written")
