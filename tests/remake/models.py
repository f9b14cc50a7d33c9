"""What Django knows of the table `remake_book`; what else is in the database, it does not know."""

from django.db import models


class Book(models.Model):
    """A book as the last migration leaves it."""

    id = models.AutoField(primary_key=True)
    title = models.TextField(default="")
    pages = models.IntegerField(null=True)
    shelf = models.TextField(default="")
