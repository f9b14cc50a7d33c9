"""Runs in the old release of Baby Buddy: fills a database by its models, commands and views, and writes while it migrates."""

import random
from datetime import timedelta

from axes.models import AccessFailureLog
from core import models
from dbsettings.models import Setting
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from faker import Faker
from rest_framework.authtoken.models import Token

USERS = 25


def seed(rng):
    random.seed(rng.random())
    Faker.seed(rng.randrange(10**9))
    users = [_user(rng, number) for number in range(USERS)]
    call_command("fake", children=3, days=45, verbosity=0)
    child = models.Child.objects.first()
    for number in range(20):
        start = timezone.now() - timedelta(hours=number)
        models.Timer.objects.create(name=f"timer {number} ä", user=rng.choice(users), start=start, child=child)
        models.Note.objects.create(child=child, note="n" * rng.randrange(2000), time=start)
        cache.set(f"key {number}", {"n": number}, 10**6)
    Setting.objects.create(module_name="core.models", class_name="", attribute_name="nap_start_min", value="06:30:00")
    _visit(users[0])
    for number in range(30):
        AccessFailureLog.objects.create(username=f"user{number}", ip_address="127.0.0.1", locked_out=number % 2 == 0)


def _user(rng, number):
    user = get_user_model().objects.create_user(f"user{number}", f"user{number}@example.org", "public")
    user.settings.language = rng.choice(["de", "fr", "en-US"])
    user.settings.timezone = rng.choice(["Europe/Berlin", "UTC", "Asia/Tokyo"])
    user.settings.dashboard_refresh_rate = rng.choice([None, timedelta(minutes=1), timedelta(minutes=30)])
    user.settings.save()
    group, _ = Group.objects.get_or_create(name=f"group {number % 5}")
    group.permissions.add(*rng.sample(list(Permission.objects.all()), 12))
    user.groups.add(group)
    user.user_permissions.add(*rng.sample(list(Permission.objects.all()), 3))
    Token.objects.get_or_create(user=user)
    return user


def _visit(user):
    """Make rows for sessions, login attempts and the admin's log, by logins and a form of the admin."""
    user.is_staff = user.is_superuser = True
    user.save()
    for password in ("wrong", "public", "wrong", "public"):
        client = Client(REMOTE_ADDR="127.0.0.1")
        client.post("/login/", {"username": user.username, "password": password})
    form = {"first_name": "Ada", "last_name": "Lovelace", "birth_date": "2024-01-02"}
    client.post("/admin/core/child/add/", form)


def note(rng, marker):
    child = models.Child.objects.first()
    return models.Note(child=child, note=marker, time=timezone.now()), "note"


def feeding(rng, marker):
    start = timezone.now() - timedelta(minutes=rng.randrange(20, 60))
    child = models.Child.objects.first()
    return models.Feeding(
        child=child, start=start, end=timezone.now(), type="formula", method="bottle", notes=marker
    ), "notes"


def timer(rng, marker):
    return models.Timer(name=marker, user_id=1, start=timezone.now()), "name"


def change(rng, marker):
    return models.DiaperChange(
        child=models.Child.objects.first(), time=timezone.now(), wet=True, solid=False, notes=marker
    ), "notes"


WRITES = (note, feeding, timer, change)
