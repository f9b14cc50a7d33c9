"""The notice board: what the company tells its people, beside the tables of the ERP that have no models.

Change a class, run "manage.py schemasync --export": the change is written into schema.json and the database
brought to it. There are no migrations.
"""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Tag(models.Model):
    """What a notice is about."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """Something that everyone should know; a pinned one stays above the newer ones."""

    title = models.CharField(max_length=120)
    text = models.TextField()
    posted_at = models.DateTimeField(default=timezone.now)
    # An account is deleted, what it said stays. The made-up notices of filldemo have none.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    pinned = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True)

    class Meta:
        ordering = ["-pinned", "-posted_at"]
        indexes = [models.Index(fields=["-pinned", "-posted_at"], name="notices_as_they_are_shown")]

    def __str__(self) -> str:
        return self.title
