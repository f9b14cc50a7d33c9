import pytest


@pytest.fixture(autouse=True, scope="session")
def _databases_in_memory(django_db_blocker):
    """Allow the connection in memory from which Django's DDL for models is collected: pytest-django would block it."""
    with django_db_blocker.unblock():
        yield
