import pytest


@pytest.fixture(autouse=True, scope="session")
def _databases_in_memory(django_db_blocker):
    """Django's DDL for models is collected from a connection in memory, which pytest-django takes for a database."""
    with django_db_blocker.unblock():
        yield
