"""The table of tenants, in the default database."""

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
"""A label of a host name, which is also a safe name of a folder."""


class State(models.TextChoices):
    """`active`: in use. `suspended`: requests are refused, and the file stays where it is. `moving` and
    `moving-suspended`: as these two, while the file is copied to another host. `archived`: its folder is out of the
    way. `creating` and `deleting`: that is not done yet, or its process died. Nothing enters these three."""

    CREATING = "creating", _("being created")
    ACTIVE = "active", _("active")
    MOVING = "moving", _("moving")
    SUSPENDED = "suspended", _("suspended")
    MOVING_SUSPENDED = "moving-suspended", _("moving, suspended")
    ARCHIVED = "archived", _("archived")
    DELETING = "deleting", _("being deleted")


class Health(models.TextChoices):
    """What `tenants health` has found: `attention` means that a person should see to something, while the tenant can be
    used."""

    OK = "ok", _("ok")
    ATTENTION = "attention", _("needs attention")
    UNUSABLE = "unusable", _("cannot be used")


WHILE_MOVING = {State.ACTIVE: State.MOVING, State.SUSPENDED: State.MOVING_SUSPENDED}
"""What the row of a tenant says while it moves, by what it says otherwise."""


def validate_labels(labels: object) -> None:
    """Raise ValidationError for what is no dict of strings."""
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValidationError(_('Labels are a JSON object of strings, such as {"region": "eu"}.'))


class Tenant(models.Model):
    """A tenant. Its key names its folder and its database. `host`: the one of HOSTS that has its file; empty in a
    project with one host. `folder`: where the file is, if not in the folder FOLDER/key; a relative one begins at
    FOLDER. `labels`: what its host has to have. `pinned`: never proposed for another host. `group`: for --group.
    `version`: that of its file, when it was created or synced last; `failure`: what the last sync raised; `size`: bytes
    of the live file, when it was synced or looked at last; `files`: how many files and folders it has, each of which
    takes an inode. `health`, `problems` and `health_at`: what `tenants health` has found last, and when; empty if it
    never checked."""

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
        """The folder of its file."""
        return folder_at(self.key, self.folder)

    def get_archived_folder(self) -> Path:
        """Where its folder is while it is archived."""
        return archived_folder_at(self.key, self.folder)

    def get_path(self) -> Path:
        """The path that the application opens."""
        return path_at(self.key, self.folder)


class TenantSize(models.Model):
    """The size of a tenant's live file on a day (UTC) on which it was another one than before."""

    tenant: models.ForeignKey[Tenant, Tenant] = models.ForeignKey(Tenant, models.CASCADE, related_name="sizes")
    day: models.DateField[Any, Any] = models.DateField()
    size: models.PositiveBigIntegerField[int, int] = models.PositiveBigIntegerField()

    objects: models.Manager[TenantSize] = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "day"), name="schemasync_one_size_a_day"),)

    def __str__(self) -> str:
        return f"{self.tenant} {self.day}"


class HostRun(models.Model):
    """The last sync of a host that was asked for elsewhere. `run`: what asked for it; `options`: those of the sync;
    `worker`: the task that does it, empty until one begins; `beat_at`: when that was alive last; `outcome`:
    what `tenants sync --json` prints there."""

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
