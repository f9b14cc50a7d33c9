"""manage.py filldemo: fill the demo's tables with believable data."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from demo_project.data import ENTRIES_OF_SCALE, Row, Size, TableRows, make_company, tables

# Rows in one transaction: enough that commits cost nothing, few enough that nobody waits long for the lock.
BATCH = 20_000


class Command(BaseCommand):
    """Fill the tables of schema.json. The same size and seed give the same rows.

    If it is interrupted, the batches that it has written stay; run it again with --clear.
    """

    help = "Fills the demo's tables with believable data, the same for the same size and seed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        size = parser.add_mutually_exclusive_group()
        size.add_argument(
            "--scale",
            choices=ENTRIES_OF_SCALE,
            default="small",
            help="how much: " + ", ".join(f"{name} {n:,} time entries" for name, n in ENTRIES_OF_SCALE.items()),
        )
        size.add_argument("--entries", type=whole_number, metavar="N", help="how many time entries")
        parser.add_argument("--seed", type=int, default=1, help="another seed gives another company (default 1)")
        parser.add_argument("--clear", action="store_true", help="delete the rows that are there first")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections))

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        entries = ENTRIES_OF_SCALE[options["scale"]] if options["entries"] is None else options["entries"]
        filling = list(tables(make_company(Size.of(entries), options["seed"])))
        self.refuse_another_shape(connection, filling)
        self.make_room(connection, filling, clear=options["clear"])
        *company, time_entries = filling
        # Departments and people refer to each other: SQLite checks these references when the transaction commits.
        with transaction.atomic(using=connection.alias):
            for rows in company:
                self.fill(connection, rows, options)
        self.fill(connection, time_entries, options)

    def refuse_another_shape(self, connection: BaseDatabaseWrapper, filling: Sequence[TableRows]) -> None:
        """Raise CommandError that names all missing tables and columns, if there are any."""
        missing = sorted(missing_names(connection, filling))
        if not missing:
            return
        if all("." not in name for name in missing):
            raise CommandError(
                f"The tables are not there yet: {', '.join(missing)}.\n"
                'Run "manage.py schemasync" first, which makes them from schema.json.'
            )
        raise CommandError(
            f"The database has another shape than schema.json: there is no {', '.join(missing)}.\n"
            'Bring it to schema.json first: "manage.py schemasync rollback" goes one version back.'
        )

    def make_room(self, connection: BaseDatabaseWrapper, filling: Sequence[TableRows], clear: bool) -> None:
        """With `clear`, empty the tables, children first. Otherwise raise CommandError if one of them holds rows."""
        quote = connection.ops.quote_name
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for rows in reversed(filling):
                if clear:
                    cursor.execute(f"DELETE FROM {quote(rows.table)}")
                    continue
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {quote(rows.table)})")
                if cursor.fetchone()[0]:
                    raise CommandError(
                        f"{rows.table} holds rows already, and nothing was written.\n"
                        'Run "manage.py filldemo --clear" to delete the rows of the demo\'s tables first.'
                    )

    def fill(self, connection: BaseDatabaseWrapper, rows: TableRows, options: dict[str, Any]) -> None:
        """Insert the rows of one table. Show progress on a terminal, and print one line at the end."""
        with progress_bar(rows, quiet=options["verbosity"] < 1, color=not options["no_color"]) as advance:
            insert(connection, rows, advance)
        if options["verbosity"]:
            self.stdout.write(f"{rows.table}: {rows.count:,} rows")


def whole_number(text: str) -> int:
    """Return the number in an argument, which may contain underscores. Raises ArgumentTypeError for any other text."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise ArgumentTypeError(f"{text!r} is not a number of rows: 0 or more is")
    return number


def missing_names(connection: BaseDatabaseWrapper, filling: Sequence[TableRows]) -> Iterator[str]:
    """Yield each missing table, and `table.column` for each missing column of an existing table."""
    with connection.cursor() as cursor:
        present = connection.introspection.table_names(cursor)
        for rows in filling:
            if rows.table not in present:
                yield rows.table
                continue
            description = connection.introspection.get_table_description(cursor, rows.table)
            columns = {column.name for column in description}
            yield from (f"{rows.table}.{name}" for name in rows.columns if name not in columns)


def insert(connection: BaseDatabaseWrapper, rows: TableRows, advance: Callable[[int], None]) -> None:
    """Insert the rows, one transaction a batch. Call `advance` with the number of rows of each batch."""
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, rows.columns))
    places = ", ".join(["%s"] * len(rows.columns))
    statement = f"INSERT INTO {quote(rows.table)} ({columns}) VALUES ({places})"
    with connection.cursor() as cursor:
        for batch in batches(rows.rows):
            with transaction.atomic(using=connection.alias):
                cursor.executemany(statement, batch)
            advance(len(batch))


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the rows in lists of at most BATCH."""
    # itertools.batched needs Python 3.12.
    while batch := list(islice(rows, BATCH)):
        yield batch


@contextmanager
def progress_bar(rows: TableRows, quiet: bool, color: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar during the block, if standard error is a terminal. Yield the function that advances it.

    The bar disappears afterwards, so that a terminal shows the same lines as a log.
    """
    console = Console(stderr=True, no_color=not color)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    with bar:
        task = bar.add_task(rows.table, total=rows.count)
        yield lambda number: bar.advance(task, number)
