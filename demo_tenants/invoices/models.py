"""The invoices of a tenant."""

from django.conf import settings
from django.db import models


class Customer(models.Model):
    """Somebody who gets invoices."""

    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Invoice(models.Model):
    """An invoice, in cents."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    issued = models.DateField()
    cents = models.IntegerField()
    if settings.DEMO_RELEASE > 1:  # in a project of your own this line is simply added
        due = models.DateField(null=True)

    class Meta:
        ordering = ["-issued"]

    def __str__(self) -> str:
        return f"{self.customer}, {self.issued}"
