"""Fields of the kitchen's own, as applications and packages write them."""

from django.db import models


class HoursField(models.Field):
    """A type that SQLite has never heard of."""

    def db_type(self, connection):
        return "hours"


class ShoutedField(models.CharField):
    """A type with words beyond the type."""

    def db_type(self, connection):
        return f"varchar({self.max_length}) COLLATE NOCASE"


class PercentField(models.IntegerField):
    """A CHECK of its own, with a column's name and a percent sign in it."""

    def db_check(self, connection):
        return '"%(column)s" BETWEEN 0 AND 100 AND "%(column)s" %% 5 = 0' % {"column": self.column}


class TaggedTextField(models.TextField):
    """A default in the type: before Django 5.0 there was no other way."""

    def db_type(self, connection):
        return "text DEFAULT 'a, b (c)'"


class ComputedField(models.Field):
    """No column at all."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "editable": False, "null": True})

    def get_attname_column(self):
        return self.name, None

    def db_type(self, connection):
        return None


class TokenField(models.CharField):
    """A key of a type of its own: those that refer to it take the type over."""

    def db_type(self, connection):
        return "token"

    def rel_db_type(self, connection):
        return "token_of_another"
