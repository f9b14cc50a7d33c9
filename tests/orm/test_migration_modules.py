"""The policy that hides the migrations of apps from Django, with several threads."""

import threading

import pytest
from django.conf import settings

from schemasync.orm import migration_modules


@pytest.fixture(autouse=True)
def policy(settings):
    settings.SCHEMASYNC = {"ENABLED": True}
    settings.MIGRATION_MODULES = {"elsewhere": "package.migrations"}
    migration_modules.install()


def seen():
    found = settings.MIGRATION_MODULES
    return "auth" in found, found.get("auth", "default"), found["elsewhere"], sorted(found)


def in_a_thread(work):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    thread.join()
    return answers[0]


def test_within_the_block_the_project_s_own_setting_counts():
    outside = seen()
    assert outside[:3] == (True, None, None)
    with migration_modules.suspended():
        assert seen() == (False, "default", "package.migrations", ["elsewhere"])
        assert (migration_modules.is_suspended(), migration_modules.is_in_force()) == (True, False)
        with migration_modules.suspended():
            pass
        assert migration_modules.is_suspended()
    assert seen() == outside
    assert (migration_modules.is_suspended(), migration_modules.is_in_force()) == (False, True)


class NoMigrations:
    """The class that projects and pytest-django use to run tests without migrations."""

    def __contains__(self, label):
        return True

    def __getitem__(self, label):
        return None


def test_the_project_s_own_setting_may_be_an_object_that_is_no_mapping(settings):
    settings.MIGRATION_MODULES = NoMigrations()
    migration_modules.install()
    for found in (settings.MIGRATION_MODULES, settings.MIGRATION_MODULES.original):
        assert "auth" in found
        assert found["auth"] is None
    with migration_modules.suspended():
        assert "auth" in settings.MIGRATION_MODULES
        assert settings.MIGRATION_MODULES.get("auth", "default") is None
        assert list(settings.MIGRATION_MODULES) == ["schemasync"]  # the only app of these tests
    assert migration_modules.module_of("auth") is None


def test_another_thread_of_a_server_is_not_affected():
    outside = seen()
    with migration_modules.suspended():
        assert in_a_thread(seen) == outside


def test_blocks_of_two_threads_that_overlap_leave_the_policy_as_it_was():
    outside, entered, left = seen(), threading.Event(), threading.Event()

    def other():
        with migration_modules.suspended():
            entered.set()
            left.wait(10)

    thread = threading.Thread(target=other)
    with migration_modules.suspended():
        thread.start()
        entered.wait(10)
    left.set()
    thread.join()
    assert seen() == outside
