"""The models of a schema.json as a project imports them, from the text of models.py."""

from django.apps.registry import Apps
from django.db.migrations.state import AppConfigStub

from schemasync.orm import models_file
from schemasync.schema import document

LABEL = "made"


def generated(text):
    """Return what `manage.py schemasync models` generates for the text of a schema.json."""
    found = document.read(text.encode())
    return models_file.generate(found, "default", "manage.py schemasync models", None, None)


def auto_name(table, columns):
    """Return the name that Django generates for an index."""
    return models_file.features("default").auto_name(table, columns, "")


def imported(text, *, managed=False):
    """Execute the text of a models.py, and return its model classes by name, in a separate registry."""
    apps = Apps([AppConfigStub(LABEL)])
    with_app = f"        managed = {managed}\n        app_label = {LABEL!r}\n        apps = APPS"
    names = {"__name__": "made.models", "APPS": apps}
    exec(compile(text.replace("        managed = False", with_app), "models.py", "exec"), names)
    return {model.__name__: model for model in apps.get_models()}
