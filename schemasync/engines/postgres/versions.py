"""Checks which servers, databases and schemas a move accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Code, Problem, Refused

if TYPE_CHECKING:
    from .driver import Connection

MINIMUM = 13  # the oldest that Django 5.2 supports, with trim_scale() and gen_random_uuid()
SHOWN = 5  # names in a message

_OBJECTS = """
SELECT c.relname FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""


def check_version(connection: Connection, where: str) -> None:
    """Raise Refused, with all reasons, if the server is too old or its database has no Unicode."""
    problems = []
    version = connection.info.server_version
    if version // 10000 < MINIMUM:
        problems.append(
            Problem(
                Code.POSTGRES_VERSION,
                f"{where} is PostgreSQL {version // 10000}; {MINIMUM} or later is needed",
                "Upgrade the server, or name another one in DATABASES.",
                {"version": version // 10000, "minimum": MINIMUM},
            )
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        problems.append(
            Problem(
                Code.POSTGRES_VERSION,
                f"{where} has the encoding {encoding}, in which most characters do not exist",
                f"Create the database anew: createdb --template=template0 --encoding=UTF8 {connection.info.dbname}",
                {"encoding": encoding},
            )
        )
    if problems:
        raise Refused(problems)


def check_target(connection: Connection, where: str, extensions: tuple[str, ...] = ()) -> None:
    """Raise Refused, with all reasons: the schema for the tables is missing or not empty, this role may not create
    tables there, or the server lacks a needed extension."""
    problems = [*_schema_problems(connection, where)]
    problems += [problem for name in extensions if (problem := _extension_problem(connection, name)) is not None]
    if problems:
        raise Refused(problems)


def _schema_problems(connection: Connection, where: str) -> list[Problem]:
    row = connection.execute(
        "SELECT current_schema(), current_user, current_setting('search_path'), current_schema() IS NOT NULL"
        " AND has_schema_privilege(current_schema(), 'CREATE')"
    ).fetchone()
    assert row is not None
    schema, user, path, may_create = row
    if schema is None:
        return [
            Problem(
                Code.POSTGRES_RIGHTS,
                f'{where} has no schema of the search_path {path} that "{user}" may use',
                f'CREATE SCHEMA AUTHORIZATION "{user}"',
                {"user": user},
            )
        ]
    found = [str(name) for (name,) in connection.execute(_OBJECTS).fetchall()]
    problems = []
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        problems.append(
            Problem(
                Code.POSTGRES_NOT_EMPTY,
                f'the schema "{schema}" of {where} is not empty: it has {", ".join(found[:SHOWN])}{more}',
                "Nothing of it is touched. Name a database that is empty: CREATE DATABASE …",
                {"schema": schema, "objects": found[:SHOWN], "count": len(found)},
            )
        )
    if not may_create:
        problems.append(
            Problem(
                Code.POSTGRES_RIGHTS,
                f'"{user}" may not create tables in the schema "{schema}" of {where}',
                f'As its owner: GRANT CREATE, USAGE ON SCHEMA "{schema}" TO "{user}"',
                {"user": user, "schema": schema},
            )
        )
    return problems


def _extension_problem(connection: Connection, name: str) -> Problem | None:
    """Return the problem if the server lacks an extension, or this role may not create it; otherwise None."""
    row = connection.execute(
        "SELECT a.installed_version IS NOT NULL, v.superuser, v.trusted, s.rolsuper,"
        " has_database_privilege(current_database(), 'CREATE')"
        " FROM pg_available_extensions AS a LEFT JOIN pg_available_extension_versions AS v"
        " ON v.name = a.name AND v.version = a.default_version, pg_roles AS s"
        " WHERE a.name = %s AND s.rolname = current_user",
        (name,),
    ).fetchone()
    if row is None:
        return Problem(
            Code.POSTGRES_EXTENSION,
            f'the server does not have the extension "{name}"',
            f"Install it there ({_package(connection)}), or write another type beside the columns that need it: "
            '"postgres": "text"',
            {"extension": name},
        )
    is_there, needs_superuser, is_trusted, is_superuser, may_create = row
    if is_there or is_superuser or (may_create and (is_trusted or not needs_superuser)):
        return None
    return Problem(
        Code.POSTGRES_EXTENSION,
        f'this role may not create the extension "{name}" in {connection.info.dbname}',
        f"As a superuser: CREATE EXTENSION {name}",
        {"extension": name},
    )


def _package(connection: Connection) -> str:
    return f"on Debian: apt-get install postgresql-contrib or postgresql-{connection.info.server_version // 10000}"
