"""Test schema changes, and help tests of projects in which schema.json replaces migrations."""

from .change import ChangeResult, assert_change
from .database import TemporaryDatabase, temporary_database
from .django_migrations import migrations
from .generated_rows import generate_rows
from .rows import Rows, RowSource, Value
from .schema_source import SchemaSource, git_revision
from .site import SurvivalResult, assert_site_survives

__all__ = [
    "ChangeResult",
    "RowSource",
    "Rows",
    "SchemaSource",
    "SurvivalResult",
    "TemporaryDatabase",
    "Value",
    "assert_change",
    "assert_site_survives",
    "generate_rows",
    "git_revision",
    "migrations",
    "temporary_database",
]
