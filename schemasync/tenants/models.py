"""The table of tenants, in the default database."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

KEY = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""A label of a host name, which is also a safe name of a folder."""


class State(models.TextChoices):
    """`active`: in use. `suspended`: requests are refused, and the file stays where it is. `archived`: its folder is
    out of the way. `creating` and `deleting`: that is not done yet, or its process died. Nothing enters these three."""

    CREATING = "creating", _("being created")
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    ARCHIVED = "archived", _("archived")
    DELETING = "deleting", _("being deleted")


class Tenant(models.Model):
    """A tenant. Its key names its folder and its database. `version`: that of its file, when it was created or synced
    last; `failure`: what the last sync raised."""

    key: models.CharField[str, str] = models.CharField(
        _("key"), max_length=63, primary_key=True, validators=[RegexValidator(f"^{KEY}\\Z")]
    )
    name: models.CharField[str, str] = models.CharField(_("name"), max_length=200, blank=True)
    state: models.CharField[str, str] = models.CharField(
        _("state"), max_length=20, choices=State.choices, default=State.ACTIVE, db_index=True
    )
    version: models.CharField[str, str] = models.CharField(_("version"), max_length=80, blank=True, editable=False)
    failure: models.TextField[str, str] = models.TextField(_("failure"), blank=True, editable=False)
    created_at: models.DateTimeField[object, object] = models.DateTimeField(_("created"), auto_now_add=True)

    objects: models.Manager[Tenant] = models.Manager()

    class Meta:
        ordering = ("key",)
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")

    def __str__(self) -> str:
        return self.name or self.key
