import asyncio

import pytest
from asgiref.sync import sync_to_async

from tests.command.conftest import evolved, forget, project, synced
from tests.support.memory import memory, tmp_path

__all__ = ["evolved", "memory", "project", "sync_to_async_thread", "synced", "tmp_path"]


@pytest.fixture
def sync_to_async_thread():
    """Close the connection of the thread of sync_to_async: both would outlive the test, with its database open."""
    yield
    asyncio.run(sync_to_async(forget)("default"))
