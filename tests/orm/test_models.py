"""What Django gives to rows that were there before a field."""

import datetime
import decimal
import sqlite3
import uuid
from contextlib import closing

import pytest
from django.db import models

from schemasync.orm.models import fill_of

GIVEN = {
    "a number": (models.IntegerField(default=5), 5),
    "a text with a quote": (models.CharField(max_length=20, default="it's 100%"), "it's 100%"),
    "what a function gives": (models.IntegerField(default=lambda: 7), 7),
    "a truth": (models.BooleanField(default=True), 1),
    "a decimal": (models.DecimalField(max_digits=5, decimal_places=2, default=decimal.Decimal("1.5")), "1.5"),
    "a day": (models.DateField(default=datetime.date(2020, 2, 29)), "2020-02-29"),
    "a duration": (models.DurationField(default=datetime.timedelta(seconds=1)), 1_000_000),
    "a UUID": (models.UUIDField(default=uuid.UUID(int=7)), "0" * 31 + "7"),
    "bytes": (models.BinaryField(default=b"\0'"), b"\0'"),
    "JSON": (models.JSONField(default=dict), "{}"),
    "a default of a field that may be null": (models.IntegerField(default=5, null=True), 5),
    "the empty text of a field that may be blank": (models.CharField(max_length=20, blank=True), ""),
}

NOTHING = {
    "no default": models.IntegerField(),
    "a field that may be null": models.IntegerField(null=True),
    "a default of the database": models.IntegerField(db_default=5),
    "a key": models.UUIDField(primary_key=True, default=uuid.uuid4),
    "a generated field": models.GeneratedField(
        expression=models.F("a") + 1, output_field=models.IntegerField(), db_persist=True
    ),
    "a value that has no SQL": models.Field(default=object),
}


@pytest.mark.parametrize("field", GIVEN)
def test_rows_that_are_there_get_what_add_field_would_give_them(field):
    one, value = GIVEN[field]
    one.set_attributes_from_name("one")
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(f"SELECT {fill_of('default', one)}").fetchone() == (value,)


def test_a_time_that_django_sets_by_itself_is_now():
    said = fill_of("default", models.DateTimeField(auto_now_add=True))
    assert said is not None
    assert said[1:5] >= "2024"


@pytest.mark.parametrize("field", NOTHING)
def test_there_is_no_fill_for(field):
    NOTHING[field].set_attributes_from_name("one")
    assert fill_of("default", NOTHING[field]) is None
