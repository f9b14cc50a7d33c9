from tests.crash.conftest import prepare
from tests.support.memory import memory, tmp_path

__all__ = ["memory", "prepare", "tmp_path"]
