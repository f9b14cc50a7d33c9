"""Models of two tables that the tests create by hand, with more in the tables than the models state."""

from django.db import models


class Author(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.TextField(null=True)


class Book(models.Model):
    """A book; `author` is not a foreign key in the model."""

    id = models.AutoField(primary_key=True)
    title = models.TextField(null=True)
    pages = models.IntegerField(default=0)
    shelf = models.TextField(null=True)
    author = models.IntegerField(null=True)
