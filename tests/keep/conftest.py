from tests.command.conftest import evolved, memory, project, synced, tmp_path

__all__ = ["evolved", "memory", "project", "synced", "tmp_path"]
