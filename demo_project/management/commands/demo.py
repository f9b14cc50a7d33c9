"""manage.py demo: show what schemasync does, step by step, on a database of its own."""

import os
import shlex
import sqlite3
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

SCHEMA_V2, MASK = (Path(__file__).absolute().parents[2] / name for name in ("schema_v2.json", "mask.json"))

PEOPLE_V1 = "SELECT user_id, name, role, fax FROM Users ORDER BY user_id LIMIT 5"
PEOPLE_V2 = "SELECT user_id, full_name, role FROM Users ORDER BY user_id LIMIT 5"
HOURS_V1 = "SELECT activity, count(*) AS entries, sum(hours) AS hours FROM TimeEntries GROUP BY activity"
HOURS_V2 = (
    "SELECT activity, billable, count(*) AS entries, sum(hours) AS hours FROM TimeEntries GROUP BY activity, billable"
)
INVOICE_V2 = (
    "INSERT INTO Invoices (number, project_id, amount, issued_on, due_on)"
    " VALUES ('2025-0001', 9, 12500, '2025-06-30', '2025-07-30')"
)
NOTICE = (
    "INSERT INTO notices_notice (title, text, posted_at, pinned)"
    " VALUES ('The first invoice is out', 'It was written in the new table.', '2025-06-30 12:00:00', 0)"
)
PHONES = "SELECT name, phone FROM Contacts ORDER BY contact_id LIMIT 3"
TRIPS_V2 = "SELECT entry_id, traveller_id, day, expenses FROM Trips ORDER BY day, entry_id LIMIT 3"
BUSIEST_V2 = "SELECT title, lead, hours, billable_hours FROM project_hours ORDER BY hours DESC LIMIT 3"

TRANSFORMS = "demo_project.transforms"

# Everybody who reads this knows the password, so DEBUG has to be on, and the site is served to this machine alone.
USERNAME, PASSWORD = "demo", "only-for-the-demo"


class Command(BaseCommand):
    """Sync, fill, evolve, look, roll back: each step prints the command that does it, then runs it.

    The command has no prompts. It starts without a database and refuses one that is not empty. Afterwards the site can
    be used: schema.json and the database agree, an account for the admin exists, and an archive holds later rows.
    """

    help = "Tells the story of schemasync step by step, on a new database: sync, fill, evolve, roll back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--path", type=Path, help="where the new database is made (default: the configured one)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo makes an account with a known password. Its settings need DEBUG = True.")
        if options["path"]:
            use_database(options["path"])
        refuse_used_database(database_path())
        self.verbosity = options["verbosity"]
        self.no_color = options["no_color"]
        v2 = shown_path(SCHEMA_V2)

        self.step("Make the database from schema.json", "schemasync")
        self.step("Fill it with made-up people, projects, hours and notices", "filldemo", "--scale", "small")
        self.make_account("Make an account for the admin")
        self.look("Look at it", PEOPLE_V1, HOURS_V1)
        self.step("See what schema_v2.json would change; nothing is written", "schemasync", "plan", "--schema", v2)
        self.step("Rehearse it: everything but the swap", "schemasync", "rehearse", "--schema", v2)
        report = shown_path(database_path().with_suffix(".report.html"))
        self.step(
            "Evolve to schema_v2.json, with a report of the run", "schemasync", "--schema", v2, "--report", report
        )
        self.look("Renamed, filled, dropped, derived; and the view follows", PEOPLE_V2, HOURS_V2, TRIPS_V2, BUSIEST_V2)
        self.write("Work goes on in the new schema", INVOICE_V2, NOTICE)
        self.step(
            "See what going back with today's rows would do; nobody has a fax any more",
            *("schemasync", "rollback", "--keep-writes", "--dry-run", "--fill", "Users.fax=NULL"),
        )
        self.step("Change your mind: the old file stands there, whole", "schemasync", "rollback", "--noinput")
        self.look("All is as before, the dropped column too", PEOPLE_V1, HOURS_V1, PHONES)
        with self.transforms():
            self.step("Write all phone numbers in one way, by a function in Python", "schemasync")
        self.look("The schema is the same, and the rows are others", PHONES)
        copy = masked_copy(database_path())
        self.step(
            "Make a copy for a colleague, without personal data",
            *("schemasync", "snapshot", shown_path(copy), "--mask", shown_path(MASK)),
        )
        self.look("Other people with the same hours", PEOPLE_V1, HOURS_V1, path=copy)
        self.move()
        self.step("Read the history", "schemasync", "history")
        self.heading("What next")
        self.stdout.write("Look around in the browser. The admin shows the history, and goes back and forth:\n")
        self.show_command("runserver")
        self.stdout.write("  http://127.0.0.1:8000/        the site")
        self.stdout.write(f"  http://127.0.0.1:8000/admin/  sign in as {USERNAME}, with the password {PASSWORD}")

    def move(self) -> None:
        """Move the database to PostgreSQL and back, if DATABASES has one."""
        if "pg" in settings.DATABASES:
            self.step(
                "Outgrow SQLite: move it all to PostgreSQL, and compare every row", "schemasync", "move", "--to", "pg"
            )
            self.step("Nothing was written there, so the file can be live again", "schemasync", "move", "--undo")
        else:
            self.heading("Outgrow SQLite")
            self.stdout.write(
                "Skipped, as DEMO_POSTGRES names no empty database on PostgreSQL. To see the move there and back:"
            )
            self.stdout.write("  createdb demo && DEMO_POSTGRES=demo python manage.py demo --path other.sqlite3")

    @contextmanager
    def transforms(self) -> Iterator[None]:
        """Set SCHEMASYNC["TRANSFORMS"] during the block; printed commands then set it too."""
        settings.SCHEMASYNC["TRANSFORMS"] = TRANSFORMS
        try:
            yield
        finally:
            settings.SCHEMASYNC["TRANSFORMS"] = None

    def make_account(self, title: str) -> None:
        """Make a superuser before the schema changes, so that the account is in every generation."""
        os.environ["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        try:
            address = f"{USERNAME}@northwind.example"
            self.step(title, "createsuperuser", "--noinput", "--username", USERNAME, "--email", address)
        finally:
            del os.environ["DJANGO_SUPERUSER_PASSWORD"]

    def step(self, title: str, *command: str) -> None:
        """Print a management command, ready to paste, and run just that."""
        self.heading(title)
        self.show_command(*command)
        call_command(*command, stdout=self.stdout, stderr=self.stderr, verbosity=self.verbosity, no_color=self.no_color)
        # A connection keeps the file that it opened; the next step has to open the file that is live then.
        connection.close()

    def write(self, title: str, *statements: str) -> None:
        """Print statements, ready to paste for the sqlite3 shell, and execute each."""
        self.heading(title)
        for statement in statements:
            self.show_sql(statement)
            with connection.cursor() as cursor:
                cursor.execute(statement)
        connection.close()

    def look(self, title: str, *queries: str, path: Path | None = None) -> None:
        """Print queries, ready to paste for the sqlite3 shell, each with its result in the database or in the file at
        `path`."""
        self.heading(title)
        for query in queries:
            self.show_sql(query, path)
            with closing(sqlite3.connect(path)) if path else connection.cursor() as source:
                cursor = source.execute(query)
                names = [column[0] for column in cursor.description]
                for line in aligned(names, cursor.fetchall()):
                    self.stdout.write(line)
        connection.close()

    def show_command(self, *command: str) -> None:
        """Print a management command for a shell, with the environment variables that name the same database."""
        words = shlex.join(["python", shown_path(settings.BASE_DIR / "manage.py"), *command])
        if "createsuperuser" in command:
            words = f"DJANGO_SUPERUSER_PASSWORD={PASSWORD} {words}"
        if settings.SCHEMASYNC["TRANSFORMS"]:
            words = f"DEMO_TRANSFORMS={TRANSFORMS} {words}"
        if "pg" in settings.DATABASES:
            words = f"DEMO_POSTGRES={shlex.quote(str(settings.DATABASES['pg']['NAME']))} {words}"
        if database_path() != settings.BASE_DIR / "db.sqlite3":
            words = f"DEMO_DATABASE={shlex.quote(shown_path(database_path()))} {words}"
        self.show(words)

    def show_sql(self, statement: str, path: Path | None = None) -> None:
        """Print a statement for the sqlite3 shell. It must not have characters that a shell expands in quotes."""
        self.show(f'sqlite3 {shlex.quote(shown_path(path or database_path()))} "{statement}"')

    def heading(self, title: str) -> None:
        self.stdout.write(f"\n{self.style.MIGRATE_HEADING(title)}")

    def show(self, words: str) -> None:
        self.stdout.write(f"$ {self.style.MIGRATE_LABEL(words)}")


def use_database(path: Path) -> None:
    """Let the default connection of this process open another file, as Django's own test runner does."""
    connection.close()
    connection.settings_dict["NAME"] = path.absolute()


def database_path() -> Path:
    """Return the path of the default database, which may not exist yet."""
    return Path(connection.settings_dict["NAME"])


def masked_copy(path: Path) -> Path:
    """Return the path of the copy without personal data."""
    return path.with_suffix(".masked.sqlite3")


def refuse_used_database(path: Path) -> None:
    """Raise CommandError, with how to start over, if the database, its generations or its masked copy exist already."""
    if not path.parent.is_dir():
        raise CommandError(f"There is no folder {path.parent}. Make it first, or give another --path.")
    generations = Path(f"{path}.generations")
    # Django's runserver creates an empty file when it checks for a database that does not exist.
    used = [
        p for p in (path, generations, masked_copy(path)) if p.is_symlink() or (p.exists() and not is_empty_file(p))
    ]
    if used:
        raise CommandError(
            f"The demo begins with no database, and here is one: {' and '.join(map(shown_path, used))}.\n"
            "Nothing was changed. Take another place, or delete it if it is not needed any more:\n"
            "  python manage.py demo --path another.sqlite3\n"
            f"  rm -r {shlex.join(shown_path(p) for p in used)}"
        )


def is_empty_file(path: Path) -> bool:
    """Return whether a path is a file without a single byte."""
    return path.is_file() and path.stat().st_size == 0


def shown_path(path: Path) -> str:
    """Return a path as text: relative if it is in the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def aligned(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines of a plain table: numeric columns to the right, others to the left, NULL as an empty cell."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(names))]

    def line(texts: Sequence[str]) -> str:
        columns = zip(texts, widths, numeric, strict=True)
        return "  ".join(t.rjust(w) if right else t.ljust(w) for t, w, right in columns).rstrip()

    return [line(names), line(["-" * width for width in widths]), *map(line, cells)]
