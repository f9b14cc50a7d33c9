from tests.command.conftest import evolved, project, synced
from tests.support.memory import memory, tmp_path

__all__ = ["evolved", "memory", "project", "synced", "tmp_path"]
