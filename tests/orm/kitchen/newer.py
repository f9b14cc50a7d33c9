"""Models with features that only newer versions of Django have."""

import django
from django.db import models
from django.db.models.fields.json import KT

from .models import IntegerKey


class NegativePath(models.Model):
    """From 6.0 on, JSON paths can count from the end."""

    data = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(KT("data__a__-1"), name="index_from_the_end")]


if django.VERSION >= (6, 1):

    class Shelf(models.Model):
        """The target of foreign keys with database-level on_delete, which may not refer to a table that Django's
        collector handles."""

    class DeletedByTheDatabase(models.Model):
        """From 6.1 on, on_delete can be left to the database."""

        cascade = models.ForeignKey(Shelf, models.DB_CASCADE, related_name="+")
        null = models.ForeignKey(Shelf, models.DB_SET_NULL, null=True, related_name="+")
        default = models.ForeignKey(IntegerKey, models.DB_SET_DEFAULT, db_default=1, related_name="+")

    class NewerDefaults(models.Model):
        data = models.JSONField(db_default=models.JSONNull(), null=True)
        key = models.UUIDField(db_default=models.functions.UUID4())
        exact = models.DecimalField()
