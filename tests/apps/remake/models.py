"""The model of the table `remake_book`; Django knows nothing else that is in the database."""

from django.db import models


class Book(models.Model):
    """A book as the last migration defines it."""

    id = models.AutoField(primary_key=True)
    title = models.TextField(default="")
    pages = models.IntegerField(null=True)
    shelf = models.TextField(default="")
