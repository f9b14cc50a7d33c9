from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.db import connections

from tests.live.ledger import Ledger
from tests.support.memory import memory

from .following import wrapper

__all__ = ["memory"]


@pytest.fixture
def folder(memory):
    """Yield a folder for the test, in memory if there is such a file system."""
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture
def link(folder):
    return Ledger(folder, seed=1).link


@pytest.fixture
def db(link, django_db_blocker):
    with django_db_blocker.unblock():
        connection = wrapper(link)
        connections["followed"] = connection
        yield connection
        connection.close()
        del connections["followed"]
