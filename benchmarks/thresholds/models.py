"""The models of the measured site: accounts, and orders that change their balance."""

from django.db import models


class Account(models.Model):
    name = models.CharField(max_length=40)
    balance = models.IntegerField(default=0)


class Order(models.Model):
    account = models.ForeignKey(Account, models.CASCADE)
    text = models.CharField(max_length=200)
    total = models.IntegerField()
