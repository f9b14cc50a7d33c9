"""Models whose tables are in each tenant's file."""

from django.db import models


class Author(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=50)


class Book(models.Model):
    id = models.BigAutoField(primary_key=True)
    author = models.ForeignKey(Author, models.CASCADE, null=True)
    title = models.CharField(max_length=50)
    readers = models.ManyToManyField(Author, related_name="read")
