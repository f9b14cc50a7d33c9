"""The notice board of the company, with models. The tables of the ERP have none in this app.

After a change of a class, run "manage.py schemasync --export": it writes the change into schema.json and syncs the
database. There are no migrations.
"""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Tag(models.Model):
    """A subject of notices."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """A notice for everyone. A pinned notice stays above newer ones."""

    title = models.CharField(max_length=120)
    text = models.TextField()
    posted_at = models.DateTimeField(default=timezone.now)
    # A notice stays when its author is deleted. The notices of filldemo have no author.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    pinned = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True)

    class Meta:
        ordering = ["-pinned", "-posted_at"]
        indexes = [models.Index(fields=["-pinned", "-posted_at"], name="notices_as_they_are_shown")]

    def __str__(self) -> str:
        return self.title
