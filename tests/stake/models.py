"""What Django knows of two tables that the tests make by hand, with more in them than any model says."""

from django.db import models


class Author(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.TextField(null=True)


class Book(models.Model):
    """`author` is no foreign key to Django."""

    id = models.AutoField(primary_key=True)
    title = models.TextField(null=True)
    pages = models.IntegerField(default=0)
    shelf = models.TextField(null=True)
    author = models.IntegerField(null=True)
