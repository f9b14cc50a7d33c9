"""The history as a read-only Django model, for the admin."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .history.action import HistoryAction


class SchemaVersion(models.Model):
    """A history row: a generation went live, or was altered in place."""

    version: models.CharField[str, str] = models.CharField(_("version"), max_length=80)
    applied_at: models.CharField[str, str] = models.CharField(
        _("live from"), max_length=30
    )  # ISO 8601 in UTC, which sorts in order of time
    action: models.CharField[str, str] = models.CharField(
        _("action"),
        max_length=20,
        choices=[
            (HistoryAction.SYNC, _("sync")),
            (HistoryAction.ALTER, _("altered in place")),
            (HistoryAction.ROLLBACK, _("rollback")),
            (HistoryAction.KEEP_WRITES, _("rollback that keeps writes")),
            (HistoryAction.RESTORE, _("restored backup")),
            (HistoryAction.ADOPT, _("adoption")),
        ],
    )
    generation: models.CharField[str, str] = models.CharField(_("generation"), max_length=40)
    previous: models.CharField[str | None, str | None] = models.CharField(
        _("previous generation"), max_length=40, null=True
    )
    schema: models.TextField[str, str] = models.TextField(_("schema"))
    hints: models.TextField[str, str] = models.TextField(_("hints"))
    fingerprint: models.CharField[str, str] = models.CharField(_("fingerprint"), max_length=64)
    plan: models.TextField[str, str] = models.TextField(_("plan"))
    rows: models.BigIntegerField[int, int] = models.BigIntegerField(_("rows written"))
    duration_ms: models.BigIntegerField[int, int] = models.BigIntegerField(_("duration"))
    pause_ms: models.BigIntegerField[int, int] = models.BigIntegerField(_("writers waited"))
    actor: models.CharField[str, str] = models.CharField(_("by"), max_length=200)
    tool_version: models.CharField[str, str] = models.CharField(_("release of schemasync"), max_length=40)

    class Meta:
        managed = False
        db_table = "_schema_versions"
        ordering = ("-id",)
        verbose_name = _("schema version")
        verbose_name_plural = _("schema versions")
        default_permissions = ("view",)
        permissions = [
            ("rollback_schemaversion", "Can roll the database back to an earlier generation"),
            ("run_schemaversion", "Can bring the database to schema.json"),
            ("prune_schemaversion", "Can remove archives of the database"),
            ("download_schemaversion", "Can download a whole database file"),
        ]

    def __str__(self) -> str:
        return str(self.generation)

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("Only schemasync itself writes the history.")

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Only schemasync itself writes the history.")
