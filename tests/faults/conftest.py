from tests.crash.conftest import stages
from tests.support.memory import memory, tmp_path

__all__ = ["memory", "stages", "tmp_path"]
