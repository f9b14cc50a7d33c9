"""Code that a maintainer of Baby Buddy would ship with schema.json: data migrations of two years, and first rows."""

from importlib import import_module
from types import SimpleNamespace

from core.models import Feeding, Pumping, Sleep, TummyTime
from core.utils import timezone_aware_duration
from django.apps import apps
from django.db import connections


def durations(using):
    for model in (Feeding, Pumping, Sleep, TummyTime):
        for row in model.objects.using(using):
            duration = timezone_aware_duration(row.start, row.end)
            if row.duration != duration:
                model.objects.using(using).filter(pk=row.pk).update(duration=duration)


def percentiles(using):
    editor = SimpleNamespace(connection=connections[using])
    weights = import_module("core.migrations.0030_weightpercentile_weightpercentile_unique_age_sex")
    heights = import_module("core.migrations.0033_heightpercentile_and_more")
    weights.insert_weight_percentiles(apps, editor)
    heights.insert_height_percentiles(apps, editor)
