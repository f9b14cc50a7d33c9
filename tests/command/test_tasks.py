"""schemasync.django_tasks, for a worker of Django's own."""

import importlib.util
import sys

import django
import pytest
from django.core.exceptions import ImproperlyConfigured

HAS_TASKS = django.VERSION >= (6, 0) or importlib.util.find_spec("django_tasks") is not None


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TASKS, reason="Django 5.2 has no tasks without django-tasks")
def test_a_task_makes_a_backup_and_another_restores_it_on_trial(evolved):
    pytest.importorskip("backports.zstd")
    from schemasync import django_tasks as tasks

    made = tasks.backup.enqueue()
    assert made.status == "SUCCESSFUL", made.errors
    assert made.return_value["backup"]["content"]["rows"]["Users"] == 2
    assert tasks.drill.enqueue().return_value["result"] == "passed"
    (stored,) = (evolved.folder / "db.sqlite3.backups" / "default").glob("*.zst")
    stored.write_bytes(b"")
    failed = tasks.drill.enqueue()
    assert failed.status == "FAILED" and "is damaged" in failed.errors[0].traceback


def test_an_older_django_says_what_it_lacks(monkeypatch):
    for name in ("django.tasks", "django_tasks"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("schemasync.task", "schemasync.django_tasks"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImproperlyConfigured, match=r"Django 6\.0 or newer, or the package django-tasks"):
        import schemasync.django_tasks  # noqa: F401
