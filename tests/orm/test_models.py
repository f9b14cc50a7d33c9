"""Values that Django gives to existing rows for a new field."""

import datetime
import decimal
import functools
import sqlite3
import uuid
from contextlib import closing

import pytest
from django.db import connections, models
from django.test import override_settings
from django.utils import timezone

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.dry_run import is_volatile
from schemasync.orm.fills import NeedsFill, fill_of

GIVEN = {
    "a number": (models.IntegerField(default=5), 5),
    "a text with a quote": (models.CharField(max_length=20, default="it's 100%"), "it's 100%"),
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
    "a value that has no SQL": models.Field(default=object()),
}


@pytest.mark.parametrize("field", GIVEN)
def test_rows_that_are_there_get_what_add_field_would_give_them(field):
    one, value = GIVEN[field]
    one.set_attributes_from_name("one")
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(f"SELECT {fill_of('default', one)}").fetchone() == (value,)


def called():
    raise AssertionError("a default that is a function is not called for schema.json")


ASKED = {
    "a function of the project": models.CharField(max_length=40, default=called),
    "a function for a field that may be null": models.CharField(max_length=40, default=called, null=True),
    "a function with its arguments": models.IntegerField(default=functools.partial(called)),
    "another kind of UUID": models.UUIDField(default=uuid.uuid1),
    "a UUID in a text that is too short for it": models.CharField(max_length=20, default=uuid.uuid4),
    "a time in another zone": models.DateTimeField(default=datetime.datetime.utcnow),
    "a time of the day in UTC": models.TimeField(default=timezone.now),
}


@pytest.mark.parametrize("field", ASKED)
def test_a_function_whose_value_no_sql_gives_is_asked_for(field):
    ASKED[field].set_attributes_from_name("one")
    assert isinstance(fill_of("default", ASKED[field]), NeedsFill)


EACH = {
    "a UUID": (models.UUIDField(default=uuid.uuid4), uuid.uuid4),
    "a UUID as text": (models.CharField(max_length=36, default=uuid.uuid4), lambda: str(uuid.uuid4())),
    "the time": (models.DateTimeField(default=timezone.now), timezone.now),
    "the time, as Python gives it": (models.DateTimeField(default=datetime.datetime.now), timezone.now),
    "the time that Django sets by itself": (models.DateTimeField(auto_now_add=True), timezone.now),
    "today": (models.DateField(default=datetime.date.today), datetime.date.today),
    "today, of the time": (models.DateField(default=timezone.now), datetime.date.today),
    "today, that Django sets by itself": (models.DateField(auto_now=True), datetime.date.today),
    "the time of the day": (models.TimeField(auto_now=True), lambda: datetime.datetime.now().time()),
}


def moment(text):
    return datetime.datetime.fromisoformat(f"2020-01-01 {text}" if text[2] == ":" else text)


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("field", EACH)
def test_each_row_gets_a_value_of_its_own_as_django_stores_it(field, use_tz):
    one, now = EACH[field]
    one.set_attributes_from_name("one")
    with (
        override_settings(USE_TZ=use_tz, TIME_ZONE="Asia/Kathmandu"),
        closing(sqlite3.connect(":memory:")) as connection,
    ):
        said = fill_of("default", one)
        stored = [connection.execute(f"SELECT {said}").fetchone()[0] for _ in range(3)]
        like = str(one.get_db_prep_value(now(), connections["default"]))
    assert is_volatile(Opener(), None, said), "it is not compared, and no migration is made of it"
    if isinstance(one, models.UUIDField | models.CharField):
        assert len(set(stored)) == 3
        assert {uuid.UUID(value).version for value in stored} == {4}
        assert {uuid.UUID(value).variant for value in stored} == {uuid.RFC_4122}
        assert {len(value) for value in stored} == {len(like)}
    else:
        assert len(stored[0]) == len(like)
        apart = [moment(text) for text in (stored[0], like)]
        assert abs(apart[0] - apart[1]) < datetime.timedelta(minutes=1)


@pytest.mark.parametrize("field", NOTHING)
def test_there_is_no_fill_for(field):
    NOTHING[field].set_attributes_from_name("one")
    assert fill_of("default", NOTHING[field]) is None
