"""Custom fields of the kitchen, as applications and packages write them."""

from django.db import models


class HoursField(models.Field):
    """A type that SQLite does not know."""

    def db_type(self, connection):
        return "hours"


class ShoutedField(models.CharField):
    """A type followed by further words."""

    def db_type(self, connection):
        return f"varchar({self.max_length}) COLLATE NOCASE"


class PercentField(models.IntegerField):
    """A custom CHECK that contains a column's name and a percent sign."""

    def db_check(self, connection):
        return '"%(column)s" BETWEEN 0 AND 100 AND "%(column)s" %% 5 = 0' % {"column": self.column}


class TaggedTextField(models.TextField):
    """A default inside the type: before Django 5.0 there was no other way."""

    def db_type(self, connection):
        return "text DEFAULT 'a, b (c)'"


class ComputedField(models.Field):
    """A field without a column."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "editable": False, "null": True})

    def get_attname_column(self):
        return self.name, None

    def db_type(self, connection):
        return None


class TokenField(models.CharField):
    """A key with a custom type: foreign keys to it get its related type."""

    def db_type(self, connection):
        return "token"

    def rel_db_type(self, connection):
        return "token_of_another"
