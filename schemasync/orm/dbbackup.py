"""Recognises databases whose file dbrestore of django-dbbackup would overwrite."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured


def writes_over(alias: str) -> bool:
    """True if dbrestore copies its backup over the file, as its connectors for SQLite files do. For an unknown engine
    it uses loaddata."""
    try:
        from dbbackup.db.base import get_connector
        from dbbackup.db.sqlite import SqliteBackupConnector, SqliteCPConnector

        return isinstance(get_connector(alias), SqliteBackupConnector | SqliteCPConnector)
    except (ImportError, AttributeError, ImproperlyConfigured):
        return False  # its own checks report it
