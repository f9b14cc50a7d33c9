"""Runs in the old release of Healthchecks: fills a database by its models, and writes while it migrates."""

import uuid
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from hc.accounts.models import Credential, Member, Profile, Project
from hc.api.models import Channel, Check, Flip, Notification, Ping, TokenBucket
from hc.logs.models import Record
from hc.payments.models import Subscription

USERS, CHECKS, PINGS = 15, 8, 45
KINDS = ("email", "webhook", "hipchat", "pagerteam", "zendesk", "msteams", "linenotify", "slack")
ZONES = ("UTC", "US/Pacific", "Europe/Berlin", "America/Indianapolis", "GB", "Asia/Calcutta")


def seed(rng):
    users = [_user(rng, number) for number in range(USERS)]
    for user in users:
        _project(rng, user, users)
    for number in range(60):
        TokenBucket.objects.create(value=f"bucket {number}", tokens=rng.random(), updated=timezone.now())
        Record.objects.create(host="example.org", name="hc.api", level=20, message=f"message {number}", traceback="")
    _visit(users[0])


def _user(rng, number):
    name = rng.choice(["User{}@Example.ORG", "user{}@example.org", "USER{}@EXAMPLE.NET"]).format(number)
    user = User.objects.create_user(f"user{number}", name, "public")
    profile = Profile.objects.for_user(user)
    profile.tz, profile.theme = rng.choice(ZONES), rng.choice([None, "dark"])
    profile.reports = rng.choice(["off", "weekly", "monthly"])
    profile.team_limit = rng.randrange(2, 9)
    profile.save()
    group, _ = Group.objects.get_or_create(name=f"group {number % 4}")
    group.permissions.add(*rng.sample(list(Permission.objects.all()), 9))
    user.groups.add(group)
    user.user_permissions.add(*rng.sample(list(Permission.objects.all()), 3))
    Credential.objects.create(name="key", user=user, data=rng.randbytes(60))
    Subscription.objects.create(user=user, customer_id=f"customer {number}", plan_name="public")
    return user


def _project(rng, user, users):
    project = Project.objects.create(owner=user, name=f"project ä {user.pk}", badge_key=f"badge-{user.pk}")
    for one in rng.sample(users, 3):
        Member.objects.create(user=one, project=project, role=rng.choice(["r", "w", "m"]))
    channels = [Channel.objects.create(project=project, kind=kind, value="{}", name=kind) for kind in KINDS]
    for number in range(CHECKS):
        has_key = number % 2 == 0
        check = Check.objects.create(
            project=project,
            name=f"{'with' if has_key else 'without'} key {number}",
            tags="one two",
            kind=rng.choice(["simple", "cron"]),
            tz=rng.choice(ZONES),
            badge_key=uuid.UUID(int=rng.getrandbits(128)) if has_key else None,
            timeout=timedelta(minutes=rng.randrange(1, 90)),
            filter_subject=rng.random() < 0.5,
            failure_kw=rng.choice(["", "failed"]),
        )
        check.channel_set.add(*rng.sample(channels, 4))
        _events(rng, check, channels)


def _events(rng, check, channels):
    now = timezone.now()
    for number in range(PINGS):
        body = rng.choice([None, "", f"text ü {number}", None])
        Ping.objects.create(
            n=number,
            owner=check,
            created=now - timedelta(minutes=number),
            kind=rng.choice([None, "", "start", "fail"]),
            body=body,
            body_raw=rng.choice([None, rng.randbytes(30)]) if not body else None,
            remote_addr="127.0.0.1",
            ua="seed",
        )
    for number in range(6):
        Flip.objects.create(owner=check, created=now - timedelta(hours=number), old_status="up", new_status="down")
        Notification.objects.create(owner=check, channel=rng.choice(channels), check_status="down")


def _visit(user):
    """Make a session, by a login, and a row of the admin's log."""
    Client().force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    about = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(user=user, content_type=about, object_id=user.pk, object_repr="user", action_flag=2)


def bucket(rng, marker):
    return TokenBucket(value=marker, updated=timezone.now()), "value"


def record(rng, marker):
    return Record(name="load", level=20, message=marker, traceback="", created=timezone.now()), "message"


def notification(rng, marker):
    channel = Channel.objects.filter(kind__in=["email", "slack", "webhook"]).order_by("pk")[rng.randrange(20)]
    return Notification(owner_id=rng.randrange(1, 90), channel=channel, check_status="up", error=marker), "error"


WRITES = (bucket, record, notification)
