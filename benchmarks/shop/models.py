"""Three tables with five secondary indexes. `Order` has the most rows, and is the one that changes.

The models are those after a migration to a longer comment.
"""

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=80, db_index=True)
    address = models.CharField(max_length=120)


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE)
    recommended_by = models.ForeignKey(
        Customer, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    placed_on = models.DateField(db_index=True)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField()
    weight = models.IntegerField()  # in grams
    state = models.CharField(max_length=20, null=True)
    comment = models.CharField(max_length=200)


class Event(models.Model):
    order = models.ForeignKey(Order, models.CASCADE)
    at = models.DateTimeField(db_index=True)
    text = models.TextField()
