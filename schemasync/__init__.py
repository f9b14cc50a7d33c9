"""One schema.json defines a SQLite database; schemasync brings the database to it, verified and reversible."""

from importlib.util import find_spec

__version__ = "0.1.0"

if find_spec("fcntl") is None:
    raise ImportError(
        "schemasync runs on Linux and macOS, and not on Windows, where Python has no fcntl for its locks. "
        "On Windows, run the project in WSL 2 or in a container (docs/is-it-for-me.md)."
    )
