"""The demo's app with managed models. It has no migrations, as schema.json takes their place."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "demo_project.notices"
