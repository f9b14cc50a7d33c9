"""Three tables with five secondary indexes. `Order` is the large one, and the one that changes."""

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=80, db_index=True)
    address = models.CharField(max_length=120)


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE)
    placed_on = models.DateField(db_index=True)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    comment = models.CharField(max_length=200)


class Event(models.Model):
    order = models.ForeignKey(Order, models.CASCADE)
    at = models.DateTimeField(db_index=True)
    text = models.TextField()
