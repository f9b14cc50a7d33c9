"""Run one query, or call one function, in all tenants."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from django.utils.asyncio import async_unsafe

from .. import databases
from ..engines.sqlite import one_query
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.one_query import QueryLimits, Rows
from ..errors import Code, Failed, Problem, SchemasyncError, UsageError
from .entering import tenant
from .fleet.standing import served_files, served_keys
from .paths import path_of
from .settings import tenant_settings

Result = TypeVar("Result")

AHEAD = 2  # files for each worker that are read in advance


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query in the file of one tenant: its rows, or the problems because of which there are none."""

    key: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    problems: tuple[Problem, ...] = ()


@async_unsafe("You cannot read all tenants from an async context - use a thread or sync_to_async.")
def report(
    sql: str,
    keys: Iterable[str] | None = None,
    *,
    group: str = "",
    limits: QueryLimits | None = None,
    workers: int = 4,
) -> Iterator[Answer]:
    """Run one SELECT on the file of each tenant that is active or suspended, of those in a `group`, or of `keys`.

    It is read-only, runs in `workers` threads, and keeps the `limits` in each file. Yield the answers sorted by key, or
    in the order of `keys`; only the rows of a few files are in memory at a time. A file that cannot be read has
    problems in its answer. All answers have the columns of the first one without problems: other columns are a problem.
    Raises UsageError unless `sql` is one SELECT.
    """
    ask = partial(_asked, databases.opener(tenant_settings().entry), sql, limits or QueryLimits())
    files = served_files(group) if keys is None else ((key, path_of(key)) for key in keys)
    columns: tuple[str, ...] | None = None
    with ThreadPoolExecutor(workers, "schemasync-report") as pool:
        for answer in _in_order(pool, ask, files, workers * AHEAD):
            if answer.problems:
                yield answer
                continue
            columns = columns or answer.columns
            yield answer if answer.columns == columns else Answer(answer.key, problems=(_others(answer, columns),))


def for_each_tenant(
    function: Callable[[], Result], keys: Iterable[str] | None = None, *, group: str = ""
) -> dict[str, Result]:
    """Call a function within each tenant that is active or suspended, those in a `group`, or `keys`, one by one. Return
    the results by key. A call that fails does not stop the others: an ExceptionGroup of all errors is raised at the
    end, each with a note that names its tenant."""
    results: dict[str, Result] = {}
    errors: list[Exception] = []
    for key in served_keys(group) if keys is None else list(keys):
        try:
            with tenant(key):
                results[key] = function()
        except Exception as error:  # noqa: BLE001  it is raised at the end
            error.add_note(f'in the tenant "{key}"')
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"failed in {len(errors)} of {len(errors) + len(results)} tenants", errors)
    return results


def _asked(opener: Opener, sql: str, limits: QueryLimits, file: tuple[str, Path]) -> Answer:
    key, path = file
    try:
        if not path.exists():
            raise Failed.of(
                Code.NO_DATABASE, f"there is no file {path}", "manage.py schemasync tenants status", tenant=key
            )
        found: Rows = one_query.run(opener, path, sql, limits)
    except UsageError:
        raise
    except SchemasyncError as error:
        return Answer(key, problems=error.problems)
    return Answer(key, found.columns, found.rows)


def _in_order(
    pool: ThreadPoolExecutor,
    ask: Callable[[tuple[str, Path]], Answer],
    files: Iterable[tuple[str, Path]],
    ahead: int,
) -> Iterator[Answer]:
    """Yield the answers in the order of the files. At most `ahead` files are read in advance."""
    waiting: deque[Future[Answer]] = deque()
    try:
        for file in files:
            waiting.append(pool.submit(ask, file))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()


def _others(answer: Answer, columns: tuple[str, ...]) -> Problem:
    message = f"the columns are {', '.join(answer.columns)}, and those of the first tenant are {', '.join(columns)}"
    return Problem(
        Code.OTHER_COLUMNS, message, "Name the columns in the query: SELECT a, b FROM …", {"tenant": answer.key}
    )
