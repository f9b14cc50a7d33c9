"""The models of tenants, in the default database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..errors import ProblemJson
from .folders import archived_folder_at, folder_at, path_at

KEY = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""The pattern of a key: a label of a host name, which is also a safe name of a folder."""


class State(models.TextChoices):
    """The state of a tenant. `active`: in use. `suspended`: requests are refused, and the file stays where it is.
    `moving` and `moving-suspended`: like these two, while the file is copied to another host. `archived`: its folder is
    among the archived ones. `creating` and `deleting`: not finished yet, or the process died. A tenant in one of the
    last three states cannot be entered."""

    CREATING = "creating", _("being created")
    ACTIVE = "active", _("active")
    MOVING = "moving", _("moving")
    SUSPENDED = "suspended", _("suspended")
    MOVING_SUSPENDED = "moving-suspended", _("moving, suspended")
    ARCHIVED = "archived", _("archived")
    DELETING = "deleting", _("being deleted")


class Health(models.TextChoices):
    """The result of `tenants health`. `attention`: the tenant can be used, but a person should solve a problem."""

    OK = "ok", _("ok")
    ATTENTION = "attention", _("needs attention")
    UNUSABLE = "unusable", _("cannot be used")


WHILE_MOVING = {State.ACTIVE: State.MOVING, State.SUSPENDED: State.MOVING_SUSPENDED}
"""The states of a tenant while it moves, by its states before and after."""


def validate_labels(labels: object) -> None:
    """Raise ValidationError unless `labels` is a dict of strings."""
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValidationError(_('Labels are a JSON object of strings, such as {"region": "eu"}.'))


class Tenant(models.Model):
    """A tenant. Its key names its folder and its database. `host`: the one of HOSTS that has its file; empty in a
    project with one host. `folder`: the folder of the file, if not FOLDER/key; a relative path begins at FOLDER.
    `labels`: its host must have them. `pinned`: never proposed for another host. `group`: for --group. `version`: the
    last known one of its file; `failure`: the error of the last sync or rollback; `size`: bytes of the live file, when
    it was last synced or measured; `files`: how many files and folders it has, each of which takes an inode. `health`,
    `problems` and `health_at`: the last result of `tenants health`, and its time; empty if it was never checked."""

    key: models.CharField[str, str] = models.CharField(
        _("key"), max_length=63, primary_key=True, validators=[RegexValidator(f"^{KEY}\\Z")]
    )
    name: models.CharField[str, str] = models.CharField(_("name"), max_length=200, blank=True)
    state: models.CharField[str, str] = models.CharField(
        _("state"), max_length=20, choices=State.choices, default=State.ACTIVE, db_index=True
    )
    host: models.CharField[str, str] = models.CharField(_("host"), max_length=100, blank=True, db_index=True)
    folder: models.CharField[str, str] = models.CharField(_("folder"), max_length=500, blank=True)
    labels: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(
        _("labels"), default=dict, blank=True, validators=[validate_labels]
    )
    pinned: models.BooleanField[bool, bool] = models.BooleanField(_("pinned"), default=False)
    group: models.CharField[str, str] = models.CharField(_("group"), max_length=63, blank=True, db_index=True)
    version: models.CharField[str, str] = models.CharField(_("version"), max_length=80, blank=True, editable=False)
    failure: models.TextField[str, str] = models.TextField(_("failure"), blank=True, editable=False)
    size: models.PositiveBigIntegerField[int | None, int | None] = models.PositiveBigIntegerField(
        _("size"), null=True, editable=False
    )
    files: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(
        _("files"), null=True, editable=False
    )
    health: models.CharField[str, str] = models.CharField(
        _("health"), max_length=20, choices=Health.choices, blank=True, editable=False
    )
    problems: models.JSONField[list[ProblemJson], list[ProblemJson]] = models.JSONField(
        _("problems"), default=list, blank=True, editable=False
    )
    health_at: models.DateTimeField[Any, Any] = models.DateTimeField(_("checked at"), null=True, editable=False)
    created_at: models.DateTimeField[object, object] = models.DateTimeField(_("created"), auto_now_add=True)

    objects: models.Manager[Tenant] = models.Manager()

    class Meta:
        ordering = ("key",)
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")

    def __str__(self) -> str:
        return self.name or self.key

    def get_folder(self) -> Path:
        """Return the folder of its file."""
        return folder_at(self.key, self.folder)

    def get_archived_folder(self) -> Path:
        """Return the path of its folder while it is archived."""
        return archived_folder_at(self.key, self.folder)

    def get_path(self) -> Path:
        """Return the path that the application opens."""
        return path_at(self.key, self.folder)


class TenantSize(models.Model):
    """The size of a tenant's live file on a day (UTC) on which it differed from the last recorded one."""

    tenant: models.ForeignKey[Tenant, Tenant] = models.ForeignKey(Tenant, models.CASCADE, related_name="sizes")
    day: models.DateField[Any, Any] = models.DateField()
    size: models.PositiveBigIntegerField[int, int] = models.PositiveBigIntegerField()

    objects: models.Manager[TenantSize] = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "day"), name="schemasync_one_size_a_day"),)

    def __str__(self) -> str:
        return f"{self.tenant} {self.day}"


class HostRun(models.Model):
    """The last sync that was requested from a host. `run`: the id of the request; `options`: those of the sync;
    `worker`: the id of the worker that does it, empty until one begins; `beat_at`: when that last reported; `outcome`:
    the output of `tenants sync --json` there."""

    host: models.CharField[str, str] = models.CharField(_("host"), max_length=100, primary_key=True)
    run: models.CharField[str, str] = models.CharField(max_length=32)
    version: models.CharField[str, str] = models.CharField(_("version"), max_length=80)
    options: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    asked_at: models.DateTimeField[Any, Any] = models.DateTimeField()
    worker: models.CharField[str, str] = models.CharField(max_length=32, blank=True)
    beat_at: models.DateTimeField[Any, Any] = models.DateTimeField(null=True)
    finished_at: models.DateTimeField[Any, Any] = models.DateTimeField(null=True)
    outcome: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    objects: models.Manager[HostRun] = models.Manager()

    class Meta:
        ordering = ("host",)

    def __str__(self) -> str:
        return self.host
