"""Read the ERP for the pages of the site. This is their only SQL, as they do not use the models of the admin.

The queries work with schema.json and with schema_v2.json, as the database may go from one to the other between two
requests.
"""

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.backends.utils import CursorWrapper

TABLES = frozenset({"Departments", "Users", "Projects", "TimeEntries", "notices_notice"})


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project in the list; `hours` is the sum of its time entries."""

    project_id: int
    title: str
    department: str
    status: str
    budget: float
    hours: float


@dataclass(frozen=True, slots=True)
class Project:
    """A project on its own page; `lead` is None if nobody leads it."""

    project_id: int
    title: str
    department: str
    lead: str | None
    status: str
    budget: float
    start_date: date
    end_date: date | None
    hours: float
    entries: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A time entry; `billable` is None if the database does not have that column yet."""

    work_date: date
    person: str | None
    activity: str
    hours: float
    billable: int | None
    status: str
    note: str | None


def tables_exist() -> bool:
    """Return whether the database has the tables that the site shows."""
    with connection.cursor() as cursor:
        return TABLES.issubset(connection.introspection.table_names(cursor))


def count_projects() -> int:
    """Return how many projects there are."""
    with connection.cursor() as cursor:
        cursor.execute('SELECT count(*) FROM "Projects"')
        return int(cursor.fetchone()[0])


def list_projects(limit: int, offset: int) -> list[ProjectLine]:
    """Return one page of the projects, by title."""
    with connection.cursor() as cursor:
        # The sum is a subquery and not a join, so that SQLite adds up only the projects of this page.
        cursor.execute(
            """
            SELECT p.project_id, p.title, d.name, p.status, p.budget,
                   (SELECT coalesce(sum(t.hours), 0) FROM "TimeEntries" AS t WHERE t.project_id = p.project_id)
              FROM "Projects" AS p
              JOIN "Departments" AS d ON d.dept_id = p.department_id
             ORDER BY p.title, d.name
             LIMIT %s OFFSET %s
            """,
            [limit, offset],
        )
        return [ProjectLine(*row) for row in cursor.fetchall()]


def find_project(project_id: int) -> Project | None:
    """Return a project with the sum of its hours, or None if no project has that id."""
    with connection.cursor() as cursor:
        name = name_column(cursor)
        cursor.execute(
            f"""
            SELECT p.project_id, p.title, d.name, u.{name}, p.status, p.budget,
                   p.start_date, p.end_date, coalesce(sum(t.hours), 0), count(t.entry_id)
              FROM "Projects" AS p
              JOIN "Departments" AS d ON d.dept_id = p.department_id
              LEFT JOIN "Users" AS u ON u.user_id = p.lead_id
              LEFT JOIN "TimeEntries" AS t ON t.project_id = p.project_id
             WHERE p.project_id = %s
             GROUP BY p.project_id, d.name, u.{name}
            """,
            [project_id],
        )
        row = cursor.fetchone()
    return Project(*row) if row else None


def list_entries(project_id: int, limit: int, offset: int) -> list[Entry]:
    """Return one page of a project's time entries, the newest first."""
    with connection.cursor() as cursor:
        billable = "t.billable" if "billable" in columns_of(cursor, "TimeEntries") else "NULL"
        cursor.execute(
            f"""
            SELECT t.work_date, u.{name_column(cursor)}, t.activity, t.hours, {billable}, t.status, t.note
              FROM "TimeEntries" AS t
              LEFT JOIN "Users" AS u ON u.user_id = t.user_id
             WHERE t.project_id = %s
             ORDER BY t.work_date DESC, t.entry_id DESC
             LIMIT %s OFFSET %s
            """,
            [project_id, limit, offset],
        )
        return [Entry(*row) for row in cursor.fetchall()]


def name_column(cursor: CursorWrapper) -> str:
    """Return the name of the column with people's names, which schema_v2.json renames."""
    return "full_name" if "full_name" in columns_of(cursor, "Users") else "name"


def columns_of(cursor: CursorWrapper, table: str) -> set[str]:
    """Return the names of a table's columns."""
    return {column.name for column in connection.introspection.get_table_description(cursor, table)}
