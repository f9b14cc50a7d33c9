"""Models that are named for the feature they show. newer.py has those that need a newer Django."""

import datetime
import decimal
import uuid

import django
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Case, Deferrable, F, Func, Q, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Collate, Concat, ExtractYear, Length, Lower, Now, Pi, Upper
from django.db.models.lookups import Exact

from . import fields


def short(**more):
    return models.CharField(max_length=20, **more)


def to(model, **more):
    return models.ForeignKey(model, models.CASCADE, related_name="+", **more)


class User(AbstractUser):
    """The user model, swapped in for auth.User."""

    badge = short(blank=True)


# --- fields -----------------------------------------------------------------------------------------------------


class Numbers(models.Model):
    small = models.SmallIntegerField()
    plain = models.IntegerField()
    big = models.BigIntegerField()
    positive_small = models.PositiveSmallIntegerField()
    positive = models.PositiveIntegerField()
    positive_big = models.PositiveBigIntegerField()
    real = models.FloatField()
    exact = models.DecimalField(max_digits=10, decimal_places=2)
    truth = models.BooleanField()
    maybe = models.BooleanField(null=True)


class Texts(models.Model):
    char = models.CharField(max_length=10)
    char_without_end = models.CharField()
    text = models.TextField()
    limited_text = models.TextField(max_length=5)
    email = models.EmailField()
    slug = models.SlugField()
    slug_without_index = models.SlugField(db_index=False, allow_unicode=True)
    url = models.URLField()
    choice = models.CharField(max_length=1, choices={"a": "A", "b": "B"})
    ip = models.GenericIPAddressField()
    ip4 = models.GenericIPAddressField(protocol="IPv4", null=True)
    path = models.FilePathField(path="/")
    file = models.FileField()
    image = models.ImageField(max_length=200)


class Times(models.Model):
    day = models.DateField()
    moment = models.DateTimeField()
    clock = models.TimeField()
    length = models.DurationField()
    made = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)


class Others(models.Model):
    key = models.UUIDField(default=uuid.uuid4)
    bytes = models.BinaryField()
    bytes_or_none = models.BinaryField(null=True, max_length=100)
    data = models.JSONField()
    data_or_none = models.JSONField(null=True)
    data_with_default = models.JSONField(default=dict)


class AutoKey(models.Model):
    id = models.AutoField(primary_key=True)


class BigAutoKey(models.Model):
    number = models.BigAutoField(primary_key=True, db_column="no")


class SmallAutoKey(models.Model):
    id = models.SmallAutoField(primary_key=True)


class IntegerKey(models.Model):
    """A key that Django does not number: no AUTOINCREMENT."""

    number = models.IntegerField(primary_key=True)


class BigIntegerKey(models.Model):
    """`bigint` is not an alias of the row id."""

    number = models.BigIntegerField(primary_key=True)


class PositiveKey(models.Model):
    number = models.PositiveIntegerField(primary_key=True)


class TextKey(models.Model):
    code = short(primary_key=True)


class UuidKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class CompositeKey(models.Model):
    pk = models.CompositePrimaryKey("house", "room")
    house = models.IntegerField()
    room = short()
    note = models.TextField()


class CompositeKeyOfReferences(models.Model):
    pk = models.CompositePrimaryKey("author_id", "text_key")
    text_key = to(TextKey, db_column="text_key")
    author = to(settings.AUTH_USER_MODEL)


class CustomTypes(models.Model):
    hours = fields.HoursField()
    shouted = fields.ShoutedField(max_length=5)
    percent = fields.PercentField()
    tagged = fields.TaggedTextField()
    computed = fields.ComputedField()


class CustomKey(models.Model):
    token = fields.TokenField(primary_key=True, max_length=10)


class ToCustomKey(models.Model):
    one = to(CustomKey)


class Uniques(models.Model):
    alone = short(unique=True)
    maybe = short(unique=True, null=True)
    number = models.PositiveIntegerField(unique=True)
    first = models.IntegerField()
    second = models.IntegerField()

    class Meta:
        unique_together = [("first", "second"), ("second", "alone")]


class Defaults(models.Model):
    """Defaults of the application are not defaults of the database."""

    text = short(default="x")
    made = models.DateTimeField(default=datetime.datetime.now)


class DatabaseDefaults(models.Model):
    number = models.IntegerField(db_default=1)
    negative = models.IntegerField(db_default=-1)
    real = models.FloatField(db_default=0.5)
    pi = models.FloatField(db_default=Pi())
    yes = models.BooleanField(db_default=True)
    no = models.BooleanField(db_default=False)
    empty = short(db_default="")
    quoted = short(db_default='it\'s 100% "so"')
    comma = short(db_default="a, b) (c -- d")
    nothing = short(db_default=None, null=True)
    sum = models.IntegerField(db_default=Value(1) + Value(2))
    words = models.TextField(db_default=Concat(Value("a"), Value("b")))
    lower = models.TextField(db_default=Lower(Value("ABC")))
    now = models.DateTimeField(db_default=Now())
    day = models.DateField(db_default=datetime.date(2020, 2, 29))
    moment = models.DateTimeField(db_default=datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.UTC))
    length = models.DurationField(db_default=datetime.timedelta(hours=1))
    key = models.UUIDField(db_default=uuid.UUID(int=7))
    data = models.JSONField(db_default={"a": [1, "it's"]})
    bytes = models.BinaryField(db_default=b"\x00'")
    chosen_by_function = models.IntegerField(db_default=Func(Value(-3), function="ABS"))
    chosen = to(IntegerKey, db_default=1)
    both = models.IntegerField(default=5, db_default=6)


def generated(expression, output, stored=True, **more):
    return models.GeneratedField(expression=expression, output_field=output, db_persist=stored, **more)


class Generated(models.Model):
    side = models.IntegerField()
    name = short()
    data = models.JSONField(default=dict)
    made = models.DateTimeField(null=True)
    area = generated(F("side") * F("side"), models.BigIntegerField())
    area_on_read = generated(F("side") * F("side"), models.BigIntegerField(), stored=False)
    shouted = generated(Upper("name"), short(), unique=True)
    hello = generated(Concat(Value("it's "), "name", Value(" 100%")), models.TextField())
    indexed = generated(Length("name"), models.IntegerField(), stored=False, db_index=True)
    kind = generated(Case(When(side__gt=10, then=Value("big")), default=Value("small")), short())
    year = generated(ExtractYear("made"), models.IntegerField(null=True), stored=False)
    inside = generated(KT("data__a__b"), models.TextField(null=True))
    half = generated(Cast("side", models.FloatField()) / 2, models.FloatField())
    always = generated(Coalesce("made", Value(None)), models.DateTimeField(null=True), stored=False)
    collated = generated(Lower("name"), models.CharField(max_length=20, db_collation="NOCASE"))


class GeneratedOthers(models.Model):
    number = models.IntegerField()
    positive = generated(Func("number", function="ABS"), models.PositiveIntegerField())
    truth = generated(Q(number__gt=0), models.BooleanField())
    pair = models.JSONField(null=True)
    copy = generated(F("pair"), models.JSONField(null=True))


class Collations(models.Model):
    char = short(db_collation="NOCASE")
    unique = short(db_collation="nocase", unique=True)
    text = models.TextField(db_collation="RTRIM")
    binary = short(db_collation="BINARY")
    indexed = short(db_collation="NOCASE", db_index=True)


class CollatedKey(models.Model):
    """Columns that refer to it get its collation."""

    name = short(primary_key=True, db_collation="NOCASE")


class ToCollatedKey(models.Model):
    one = to(CollatedKey)


class Comments(models.Model):
    """SQLite has no comments, so Django leaves them out."""

    text = short(db_comment="for nobody; -- or for all")

    class Meta:
        db_table_comment = "kept nowhere"
        db_tablespace = "nowhere"


# --- relations --------------------------------------------------------------------------------------------------


class Tree(models.Model):
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    top = models.OneToOneField("self", models.SET_NULL, null=True, related_name="+")


class Hen(models.Model):
    """One of two tables that refer to each other."""

    egg = models.ForeignKey("Egg", models.PROTECT, null=True, related_name="+")


class Egg(models.Model):
    hen = models.ForeignKey(Hen, models.RESTRICT, null=True, related_name="+")


class References(models.Model):
    user = to(settings.AUTH_USER_MODEL)
    uuid = to(UuidKey)
    text = to(TextKey)
    big = to(BigIntegerKey)
    positive = to(PositiveKey)
    other_column = to(Uniques, to_field="alone")
    number = to(Uniques, to_field="number")
    unchecked = to(TextKey, db_constraint=False)
    without_index = to(TextKey, db_index=False)
    named = to(TextKey, db_column="Named Column")
    once = models.OneToOneField(IntegerKey, models.DO_NOTHING)
    unique = models.ForeignKey(AutoKey, models.CASCADE, unique=True)
    nobody = models.ForeignKey(TextKey, models.SET_NULL, null=True, related_name="+")


class KeyIsReference(models.Model):
    one = models.OneToOneField(TextKey, models.CASCADE, primary_key=True)


class ToKeyThatIsReference(models.Model):
    one = to(KeyIsReference)


class Attached(models.Model):
    """A generic foreign key: two columns and an index."""

    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    target = GenericForeignKey()

    class Meta:
        indexes = [models.Index(fields=["content_type", "object_id"])]


class ManyToMany(models.Model):
    plain = models.ManyToManyField(TextKey)
    users = models.ManyToManyField(settings.AUTH_USER_MODEL)
    friends = models.ManyToManyField("self")
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followed")
    named = models.ManyToManyField(IntegerKey, db_table="Named through")
    unchecked = models.ManyToManyField(UuidKey, db_constraint=False)
    members = models.ManyToManyField(AutoKey, through="Membership")
    invited = models.ManyToManyField(BigAutoKey, through="Invitation", through_fields=("group", "guest"))


class Membership(models.Model):
    group = models.ForeignKey(ManyToMany, models.CASCADE)
    member = models.ForeignKey(AutoKey, models.CASCADE, related_name="+")
    since = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "member"], name="member_once")]


class Invitation(models.Model):
    group = to(ManyToMany)
    by = to(BigAutoKey)
    guest = to(BigAutoKey)


# --- kinds of models --------------------------------------------------------------------------------------------


class Abstract(models.Model):
    name = short()

    class Meta:
        abstract = True
        indexes = [models.Index(fields=["name"], name="%(class)s_by_name")]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="%(app_label)s_%(class)s_named")]


class FromAbstract(Abstract):
    more = short()


class Proxy(FromAbstract):
    class Meta:
        proxy = True


class Place(models.Model):
    name = short()


class Restaurant(Place):
    """Multi-table inheritance."""

    stars = models.IntegerField()


class Pizzeria(Restaurant):
    oven = short()


class Depot(models.Model):
    number = models.AutoField(primary_key=True)
    size = models.IntegerField()


class PlaceAndDepot(Place, Depot):
    """Two parents, and a link with a name."""

    depot = models.OneToOneField(Depot, models.CASCADE, parent_link=True, db_column="Depot")


class Swappable(models.Model):
    """Swapped out: it has no table."""

    class Meta:
        swappable = "KITCHEN_SWAPPABLE"


class Unmanaged(models.Model):
    """The table belongs to somebody else."""

    class Meta:
        managed = False
        db_table = "somebody_elses"


class NeedsPostgres(models.Model):
    class Meta:
        required_db_vendor = "postgresql"


class NeedsWhatSqliteLacks(models.Model):
    class Meta:
        required_db_features = {"supports_comments"}


class Ordered(models.Model):
    """A model with a column `_order`."""

    parent = models.ForeignKey(Tree, models.CASCADE)

    class Meta:
        order_with_respect_to = "parent"


# --- names ------------------------------------------------------------------------------------------------------


class NameWithBlanks(models.Model):
    column = short(db_column="a column, (so) 'called'", db_index=True)

    class Meta:
        db_table = "a table; -- so called"


class QuotedName(models.Model):
    """A table name given in quotes, which Django allows."""

    text = short(unique=True, db_index=True)
    many = models.ManyToManyField(TextKey)

    class Meta:
        db_table = '"quoted table"'


class Keywords(models.Model):
    select = short(db_column="select")
    order = models.IntegerField(db_column="order", db_index=True)
    primary = models.PositiveIntegerField(db_column="primary")
    check_it = models.JSONField(db_column="check")
    negated = models.BooleanField(db_column="not")

    class Meta:
        db_table = "group"
        constraints = [models.CheckConstraint(condition=Q(order__gt=0), name="constraint")]


class Unicode(models.Model):
    größe = models.PositiveIntegerField(db_index=True)
    text = short(db_column="名前")

    class Meta:
        db_table = "größen_☃"


class Underscored(models.Model):
    other_id = short(db_column="_id")
    type = models.PositiveIntegerField(db_column="__type")
    model = short(db_column="_model", db_index=True)

    class Meta:
        db_table = "_hidden"


class UpperCase(models.Model):
    Name = short(db_index=True)

    class Meta:
        db_table = "UpperCase"


class ToUpperCase(models.Model):
    one = to(UpperCase, db_column="OneId")


class AModelWithANameThatIsLongerThanMostPeopleWouldEverWriteForAModel(models.Model):
    """The names of its indexes are truncated and hashed."""

    a_column_with_a_name_that_is_longer_than_most_people_would_ever_write = models.IntegerField(db_index=True)


# --- constraints and indexes ------------------------------------------------------------------------------------


def check(name, condition):
    return models.CheckConstraint(condition=condition, name=name)


class Checks(models.Model):
    number = models.IntegerField()
    other = models.IntegerField()
    text = short()
    maybe = short(null=True)
    day = models.DateField()
    moment = models.DateTimeField()
    data = models.JSONField()
    exact = models.DecimalField(max_digits=9, decimal_places=3)

    class Meta:
        constraints = [
            check("check_greater", Q(number__gt=0)),
            check("check_two_columns", Q(number__lt=F("other"))),
            check("check_sum", Q(other__gte=F("number") + 1)),
            check("check_or", Q(number=1) | Q(other=2) | Q(number__range=(3, 40))),
            check("check_not", ~Q(number=5)),
            check("check_not_null", ~Q(maybe="x")),
            check("check_xor", Q(number__gt=0) ^ Q(number__lt=0)),
            check("check_in", Q(text__in=["a", "b", "it's", "100%", "a_b", "c"])),
            check("check_in_one", ~Q(text__in=["z"])),
            check("check_null", Q(maybe__isnull=True) | ~Q(maybe="")),
            check("check_like", ~Q(text__startswith="100%_\\")),
            check("check_icontains", ~Q(text__icontains="no'")),
            check("check_iexact", ~Q(text__iexact="nope")),
            check("check_regex", Q(text__regex=r"^[a-c0-9%'_it]+$")),
            check("check_iregex", ~Q(text__iregex=r"q")),
            check("check_length", Q(Exact(Length("text"), 1)) | Q(number=2)),
            check("check_day", Q(day__gte=datetime.date(2000, 1, 1))),
            check("check_year", Q(day__year__gte=1999)),
            check("check_month", Q(day__month__in=[1, 2, 3])),
            check("check_moment", Q(moment__lt=datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC))),
            check("check_json", Q(data__a=1) | Q(data__has_key="b") | Q(data__isnull=False)),
            check("check_json_inside", ~Q(data__a__b="it's")),
            check("check_exact", Q(exact__lt=decimal.Decimal("10.5"))),
            check("check Name with 'blanks'", Q(number__gt=-1)),
        ]


class Constraints(models.Model):
    a = models.IntegerField()
    b = models.IntegerField()
    name = short()
    maybe = short(null=True)
    deleted = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["a", "b"], name="unique_pair"),
            models.UniqueConstraint(fields=["b"], name="unique_alone"),
            models.UniqueConstraint(fields=["name"], condition=Q(deleted=0), name="unique_where"),
            models.UniqueConstraint(
                fields=["name", "a"], condition=Q(deleted=0) & ~Q(name="it's 100%"), name="unique_where_more"
            ),
            models.UniqueConstraint(Lower("name"), name="unique_expression"),
            models.UniqueConstraint(Lower("name").desc(), "a", name="unique_expressions"),
            models.UniqueConstraint(Collate("name", "nocase"), name="unique_collated"),
            models.UniqueConstraint(Upper("maybe"), condition=Q(maybe__isnull=False), name="unique_expression_where"),
            # SQLite does not support these, so Django leaves them out
            models.UniqueConstraint(fields=["a", "name"], name="not_deferred", deferrable=Deferrable.DEFERRED),
            models.UniqueConstraint(fields=["maybe"], name="not_distinct", nulls_distinct=False),
            models.UniqueConstraint(fields=["maybe", "a"], name="not_including", include=["b"]),
        ]


class Indexes(models.Model):
    a = models.IntegerField(db_index=True)
    b = models.IntegerField()
    name = short()
    day = models.DateField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["a", "b"]),
            models.Index(fields=["-b"]),
            models.Index(fields=["a", "-b"], name="index_mixed"),
            models.Index(fields=["b"], condition=Q(a__gt=0), name="index_where"),
            models.Index(fields=["name"], condition=Q(name__in=["it's", "100%"]), name="index_where_in"),
            models.Index(fields=["name"], condition=Q(day__isnull=False) & ~Q(name=""), name="index_where_not"),
            models.Index(Lower("name"), name="index_expression"),
            models.Index(Lower("name").desc(), "a", name="index_expressions"),
            models.Index(F("a") + F("b"), name="index_sum"),
            models.Index(F("b").desc(), name="index_f"),
            models.Index(Collate("name", "nocase"), name="index_collated"),
            models.Index(Collate(Upper("name"), "rtrim").desc(), "b", name="index_collated_more"),
            models.Index(KT("data__a"), name="index_json"),
            models.Index(Coalesce("day", Value(datetime.date(2000, 1, 1))), name="index_value"),
            models.Index(Length("name"), "b", condition=Q(a=1) | Q(b=2), name="index_expression_where"),
            models.Index(fields=["a"], include=["b"], name="index_including"),  # left out by Django
        ]


# --- SQL of 6.1 that differs from that of 5.2, and that SQLite interprets differently ---------------------------


class BooleanConditions(models.Model):
    """`NOT "gone"` up to 6.0, `"gone" = 0` from 6.1 on: a query uses a partial index only if its words are the same."""

    name = short()
    gone = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(gone=False), name="unique_unless_gone"),
            check("check_truth", Q(gone=True) | Q(gone=False)),
            check("check_function", Q(Func("gone", Value(100), function="MIN", output_field=models.BooleanField()))),
        ]


class DecimalDefault(models.Model):
    """Cast AS NUMERIC up to 6.0, AS REAL from 6.1 on."""

    exact = models.DecimalField(max_digits=5, decimal_places=2, db_default=decimal.Decimal("1.50"))


if django.VERSION >= (6, 0):
    from .newer import *  # noqa: F403
