"""A real Litestream daemon for a project's database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schemasync.keep.litestream.control import Control, LitestreamError

BINARY = Path(sys.executable).parent / "litestream"
PATIENCE = 20.0  # seconds for a daemon to answer, on a busy machine


def setting(folder: Path, **more: Any) -> dict[str, Any]:
    """Return SCHEMASYNC["LITESTREAM"] for a replica in a folder next to the database."""
    return {
        "REPLICA": f"file://{folder / 'replica'}",
        "SOCKET": folder / "litestream.sock",
        "CONFIG": folder / "litestream.yml",
        **more,
    }


@contextmanager
def daemon(config: Path, socket: Path, log: Path, command: Sequence[str] = (), **how: Any) -> Iterator[Control]:
    """Run Litestream within the block, started by its own program or by another `command`."""
    words = command or [str(BINARY), "replicate", "-config", str(config)]
    with log.open("ab") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True, **how)
        try:
            yield _answering(Control(socket), process)
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # with processes that the command has started
            process.wait(PATIENCE)


def _answering(control: Control, process: subprocess.Popen[bytes]) -> Control:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            control.databases()
        except LitestreamError:
            assert process.poll() is None, "Litestream has ended"
            assert time.monotonic() < deadline, "Litestream does not answer"
            time.sleep(0.02)
        else:
            return control


def complete(control: Control, path: str) -> None:
    """Wait until a whole upload has begun and ended. `litestream sync` cannot do this, as it would lose rows."""
    deadline, seen = time.monotonic() + PATIENCE, set[object]()
    while len(seen) < 3:  # an earlier upload, one that may have begun before this call, and one that has begun since
        seen |= {one.synced for one in control.databases() if one.path == path}
        assert time.monotonic() < deadline, "Litestream uploads nothing"
        time.sleep(0.05)


def restored(url: str, output: Path, at: str = "") -> Path:
    """Restore a replica to `output` with Litestream alone, as of the moment `at` if given, and return `output`."""
    when = ["-timestamp", at] if at else []
    subprocess.run([BINARY, "restore", "-o", output, *when, url], check=True, capture_output=True)
    return output
