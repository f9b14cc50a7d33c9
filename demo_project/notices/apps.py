"""The demo's one app with models; it has no migrations, as schema.json takes their place."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "demo_project.notices"
