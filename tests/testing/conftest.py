import tempfile

import pytest

from tests.support.memory import memory

__all__ = ["memory"]


@pytest.fixture(autouse=True)
def _temporary_databases_in_memory(memory, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(memory))
