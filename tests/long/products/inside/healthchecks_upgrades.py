"""Code that a maintainer of Healthchecks would ship with schema.json: two years' data migrations, on today's models."""

import uuid

from django.contrib.auth.models import User
from django.db.models.functions import Lower
from hc.accounts.models import Profile
from hc.api.models import Channel, Check, Ping
from hc.lib.tz import legacy_timezones


def emails(using):
    User.objects.using(using).exclude(email=Lower("email")).update(email=Lower("email"))


def zones_of_profiles(using):
    for old, new in legacy_timezones.items():
        Profile.objects.using(using).filter(tz=old).update(tz=new)


def zones_of_checks(using):
    for old, new in legacy_timezones.items():
        Check.objects.using(using).filter(tz=old).update(tz=new)


def old_channels(using):
    Channel.objects.using(using).filter(kind__in=["pagerteam", "hipchat", "zendesk"]).delete()


def more_old_channels(using):
    Channel.objects.using(using).filter(kind__in=["msteams", "linenotify"]).delete()


def badge_keys(using):
    for check in Check.objects.using(using).filter(badge_key=None):
        Check.objects.using(using).filter(pk=check.pk).update(badge_key=uuid.uuid4())


def ping_kinds(using):
    Ping.objects.using(using).filter(kind="").update(kind=None)
