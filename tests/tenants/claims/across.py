"""One query, or one function, runs for all tenants."""

from unittest.mock import patch

import pytest

from schemasync.engines.sqlite import one_query
from schemasync.engines.sqlite.one_query import QueryLimits
from schemasync.errors import Code, UsageError
from schemasync.tenants import archive_tenant, current, for_each_tenant, suspend_tenant
from schemasync.tenants.across import AHEAD, report
from schemasync.tenants.paths import path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author

COUNT = "SELECT count(*) AS authors, max(name) AS last FROM shop_author"


def a_report_has_the_rows_of_each_tenant_by_its_key():
    keys = [new("ann", "bob"), new(), new("cy")]
    answers = list(report(COUNT, keys))
    assert [(one.key, one.columns, one.rows) for one in answers] == [
        (keys[0], ("authors", "last"), ((2, "bob"),)),
        (keys[1], ("authors", "last"), ((0, None),)),
        (keys[2], ("authors", "last"), ((1, "cy"),)),
    ]


def a_report_reads_suspended_tenants_and_no_archived_ones():
    kept, gone = new("ann"), new("bob")
    suspend_tenant(kept)
    archive_tenant(gone)
    found = {one.key: one.rows for one in report(COUNT)}
    assert found[kept] == ((1, "ann"),)
    assert gone not in found


def a_file_that_cannot_be_read_is_named_and_the_others_are_read():
    first, second, third = new("ann"), new("bob"), new("cy")
    path_of(second).resolve().write_bytes(b"no database" * 1000)
    answers = list(report(COUNT, [first, second, third, "nobody"]))
    assert [one.rows for one in answers] == [((1, "ann"),), (), ((1, "cy"),), ()]
    assert [[problem.code for problem in one.problems] for one in answers] == [
        [], [Code.NOT_A_DATABASE], [], [Code.NO_DATABASE],
    ]  # fmt: skip
    path_of(second).resolve().unlink()


def a_report_writes_nothing():
    key = new("ann")
    with pytest.raises(UsageError, match="may only read"):
        list(report("DELETE FROM shop_author", [key]))
    assert next(report(COUNT, [key])).rows == ((1, "ann"),)


def a_query_that_takes_too_long_ends_in_its_tenant_alone():
    keys = [new("ann"), new(*"abcdefgh")]
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE (SELECT count(*) FROM shop_author) > 5) "
        "SELECT max(i) AS i FROM n"
    )
    first, second = report(endless, keys, limits=QueryLimits(seconds=0.2))
    assert first.rows == ((1,),)
    assert [one.code for one in second.problems] == [Code.QUERY_LIMIT]


def a_file_with_other_columns_is_a_problem():
    keys = [new("ann"), new(*"abcdefgh")]
    import sqlite3

    with sqlite3.connect(path_of(keys[1]).resolve()) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1 AS b")
    with sqlite3.connect(path_of(keys[0]).resolve()) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1 AS a")
    first, second = report("SELECT * FROM v", keys)
    assert first.rows == ((1,),)
    assert [one.code for one in second.problems] == [Code.OTHER_COLUMNS]


def few_files_are_read_before_their_rows_are_asked_for():
    keys = [new() for _ in range(12)]
    with patch.object(one_query, "run", wraps=one_query.run) as run:
        answers = report(COUNT, keys, workers=1)
        next(answers)
        answers.close()
    assert run.call_count <= 1 + AHEAD


def a_function_is_called_within_each_tenant():
    keys = [new("ann"), new("bob", "cy")]
    assert for_each_tenant(Author.objects.count, keys) == {keys[0]: 1, keys[1]: 2}
    assert current() is None


def a_function_that_fails_in_some_is_called_in_the_others_and_every_error_is_raised():
    keys = [new("ann"), new(), new("cy")]
    seen = []

    def first() -> str:
        seen.append(current())
        return Author.objects.earliest("pk").name

    with pytest.raises(ExceptionGroup, match="failed in 1 of 3 tenants") as found:
        for_each_tenant(first, keys)
    assert seen == keys
    (error,) = found.value.exceptions
    assert isinstance(error, Author.DoesNotExist)
    assert error.__notes__ == [f'in the tenant "{keys[1]}"']
