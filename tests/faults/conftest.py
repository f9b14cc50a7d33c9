from tests.crash.conftest import memory, stages, tmp_path

__all__ = ["memory", "stages", "tmp_path"]
