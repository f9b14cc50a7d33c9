"""manage.py demo: the whole story of schemasync, told on a database of its own."""

import shlex
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

SCHEMA_V2 = settings.DEMO_DIR / "schema_v2.json"

PEOPLE_V1 = "SELECT user_id, name, role, fax FROM Users ORDER BY user_id LIMIT 5"
PEOPLE_V2 = "SELECT user_id, full_name, role FROM Users ORDER BY user_id LIMIT 5"
HOURS_V1 = "SELECT activity, count(*) AS entries, sum(hours) AS hours FROM TimeEntries GROUP BY activity"
HOURS_V2 = (
    "SELECT activity, billable, count(*) AS entries, sum(hours) AS hours FROM TimeEntries GROUP BY activity, billable"
)
BUSIEST_V2 = "SELECT title, lead, hours, billable_hours FROM project_hours ORDER BY hours DESC LIMIT 3"


class Command(BaseCommand):
    """Sync, fill, evolve, look, roll back: each step prints the command that does it, then runs it.

    Nothing is asked. It begins with no database and refuses one that holds anything.
    """

    help = "Tells the story of schemasync step by step, on a new database: sync, fill, evolve, roll back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--path", type=Path, help="where the new database is made (default: the configured one)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["path"]:
            use_database(options["path"])
        refuse_used_database(database_path())
        self.verbosity = options["verbosity"]
        self.no_color = options["no_color"]
        v2 = shown_path(SCHEMA_V2)

        self.step("Make the database from schema.json", "schemasync")
        self.step("Fill it with made-up people, projects, hours and notices", "filldemo", "--scale", "small")
        self.look("Look at it", PEOPLE_V1, HOURS_V1)
        self.step("See what schema_v2.json would change; nothing is written", "schemasync", "plan", "--schema", v2)
        self.step("Evolve to schema_v2.json", "schemasync", "--schema", v2)
        self.look("Renamed, filled, dropped; and the view follows", PEOPLE_V2, HOURS_V2, BUSIEST_V2)
        self.step("Change your mind: the old file stands there, whole", "schemasync", "rollback", "--noinput")
        self.look("All is as before, the dropped column too", PEOPLE_V1, HOURS_V1)
        self.step("Read the history", "schemasync", "history")
        self.heading("What next")
        self.stdout.write("Go forward again with another rollback, and look around in the browser:\n")
        self.show_command("schemasync", "rollback")
        self.show_command("runserver")

    def step(self, title: str, *command: str) -> None:
        """Print a management command, ready to paste, and run just that."""
        self.heading(title)
        self.show_command(*command)
        call_command(*command, stdout=self.stdout, stderr=self.stderr, verbosity=self.verbosity, no_color=self.no_color)
        # A connection stays with the file that it opened; the next step has to open the one that is live then.
        connection.close()

    def look(self, title: str, *queries: str) -> None:
        """Print queries, ready to paste for the sqlite3 shell, each with the rows that it finds."""
        self.heading(title)
        for query in queries:
            self.show(shlex.join(["sqlite3", shown_path(database_path()), query]))
            with connection.cursor() as cursor:
                cursor.execute(query)
                names = [column[0] for column in cursor.description]
                for line in aligned(names, cursor.fetchall()):
                    self.stdout.write(line)
        connection.close()

    def show_command(self, *command: str) -> None:
        """Print a management command as a shell takes it, with the database that it would have to use."""
        words = shlex.join(["python", shown_path(settings.BASE_DIR / "manage.py"), *command])
        if database_path() != settings.BASE_DIR / "db.sqlite3":
            words = f"DEMO_DATABASE={shlex.quote(shown_path(database_path()))} {words}"
        self.show(words)

    def heading(self, title: str) -> None:
        self.stdout.write(f"\n{self.style.MIGRATE_HEADING(title)}")

    def show(self, words: str) -> None:
        self.stdout.write(f"$ {self.style.MIGRATE_LABEL(words)}")


def use_database(path: Path) -> None:
    """Let the default connection of this process open another file, as Django's own test runner does."""
    connection.close()
    connection.settings_dict["NAME"] = path.absolute()


def database_path() -> Path:
    """Return where the default database is, or is going to be."""
    return Path(connection.settings_dict["NAME"])


def refuse_used_database(path: Path) -> None:
    """Raise CommandError, with how to start over, where there is anything already."""
    if not path.parent.is_dir():
        raise CommandError(f"There is no folder {path.parent}. Make it first, or give another --path.")
    generations = Path(f"{path}.generations")
    # Django's runserver leaves an empty file behind when it looks for a database that is not there.
    used = [p for p in (path, generations) if p.is_symlink() or (p.exists() and not is_empty_file(p))]
    if used:
        raise CommandError(
            f"The demo begins with no database, and here is one: {' and '.join(map(shown_path, used))}.\n"
            "Nothing was changed. Take another place, or delete it if it is not needed any more:\n"
            "  python manage.py demo --path another.sqlite3\n"
            f"  rm -r {shlex.join(shown_path(p) for p in used)}"
        )


def is_empty_file(path: Path) -> bool:
    """Say whether a path is a file without a single byte."""
    return path.is_file() and path.stat().st_size == 0


def shown_path(path: Path) -> str:
    """Return a path as short as it can be pasted: relative where it lies under the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def aligned(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines of a plain table: numbers to the right, all else to the left, nothing for NULL."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(names))]

    def line(texts: Sequence[str]) -> str:
        columns = zip(texts, widths, numeric, strict=True)
        return "  ".join(t.rjust(w) if right else t.ljust(w) for t, w, right in columns).rstrip()

    return [line(names), line(["-" * width for width in widths]), *map(line, cells)]
