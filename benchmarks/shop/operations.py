"""The operations of Django's migrations that make each change of `benchmarks.goals.changes`."""

from django.db import models
from django.db.migrations.operations import AddField, AddIndex, AlterField, RemoveField

CUSTOMER = "shop.customer"


def alter(name: str, field: models.Field) -> AlterField:
    return AlterField("order", name, field)


MAX_LENGTH = alter("comment", models.CharField(max_length=200))
NOT_NULL_OFF = alter("total", models.DecimalField(decimal_places=2, max_digits=10, null=True))
CHECK_OFF = alter("quantity", models.IntegerField())
FOREIGN_KEY_OFF = alter("customer", models.ForeignKey(CUSTOMER, models.CASCADE, db_constraint=False))
ADDED_COLUMN = AddField("order", "gift", models.CharField(max_length=40, null=True))
AFFINITY = alter("weight", models.CharField(max_length=20))

OPERATIONS = {
    "none": [],
    "max_length": [MAX_LENGTH],
    "not_null_off": [NOT_NULL_OFF],
    "check_off": [CHECK_OFF],
    "foreign_key_off": [FOREIGN_KEY_OFF],
    "added_column": [ADDED_COLUMN],
    "default": [alter("state", models.CharField(max_length=20, null=True, db_default="new"))],
    "not_null_on": [alter("state", models.CharField(max_length=20))],
    "check_on": [alter("weight", models.PositiveIntegerField())],
    "foreign_key_on": [
        alter(
            "recommended_by", models.ForeignKey(CUSTOMER, models.CASCADE, null=True, related_name="+", db_index=False)
        )
    ],
    "five": [MAX_LENGTH, NOT_NULL_OFF, CHECK_OFF, FOREIGN_KEY_OFF, ADDED_COLUMN],
    "dropped_column": [RemoveField("order", "weight")],
    "affinity": [AFFINITY],
    "two_columns": [AFFINITY, alter("quantity", models.FloatField())],
    "index": [AddIndex("order", models.Index(fields=["comment"], name="shop_order_comment"))],
}
