"""Renames content types of renamed models: permissions, generic relations and the log of the admin refer to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.apps import apps
from django.db import connections, transaction

from ..schema.names import fold


def renames(
    before: Mapping[str, str], after: Mapping[str, str], tables: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield (old, new) labels of models whose label changed; `tables` maps folded new names of tables to old ones.

    A model that still exists keeps its content type, and so its permissions, even if its table now belongs to another
    model.
    """
    known = {fold(table): label for table, label in before.items()}
    for table, label in after.items():
        old = known.get(fold(tables.get(fold(table), table)))
        if old is not None and old != label and old not in after.values():
            yield old, label


def rename(alias: str, pairs: list[tuple[str, str]]) -> None:
    """Rename content types, and the permissions that Django makes for a model, in one transaction.

    If the new name exists already, both content types stay, because only the project can decide between them.
    """
    if not pairs or not apps.is_installed("django.contrib.contenttypes"):
        return
    from django.contrib.contenttypes.models import ContentType

    if ContentType._meta.db_table not in connections[alias].introspection.table_names():
        return
    with transaction.atomic(using=alias):
        for old, new in pairs:
            _rename(alias, *old.split("."), *new.split("."))
    ContentType.objects.clear_cache()


def _rename(alias: str, old_app: str, old_model: str, new_app: str, new_model: str) -> None:
    from django.contrib.contenttypes.models import ContentType

    types = ContentType.objects.using(alias)
    found = types.filter(app_label=old_app, model=old_model.lower()).first()
    if found is None or types.filter(app_label=new_app, model=new_model.lower()).exists():
        return
    found.app_label, found.model = new_app, new_model.lower()
    found.save(using=alias, update_fields=["app_label", "model"])
    if apps.is_installed("django.contrib.auth"):
        _rename_permissions(alias, found.pk, old_model.lower(), new_app, new_model)


def _rename_permissions(alias: str, content_type: int, old: str, app: str, new: str) -> None:
    from django.contrib.auth.models import Permission

    verbose = _verbose_name(app, new)
    for permission in Permission.objects.using(alias).filter(content_type_id=content_type):
        action, _, model = permission.codename.rpartition("_")
        if action and model == old:
            permission.codename = f"{action}_{new.lower()}"
            permission.name = f"Can {action} {verbose}"
            permission.save(using=alias, update_fields=["codename", "name"])


def _verbose_name(app: str, model: str) -> str:
    try:
        return str(apps.get_model(app, model)._meta.verbose_name)
    except LookupError:
        return model.lower()
