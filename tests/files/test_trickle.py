"""Another process writes a large new file out to the disk while it is built."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemasync.files.background_fsync import LARGE, synced_in_background
from tests.support.processes import is_there

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "large"
    found.write_bytes(b"x" * 1000)
    return found


def test_another_process_does_it_and_is_gone_afterwards(path):
    with synced_in_background(path, LARGE) as process:
        assert process != os.getpid()
        assert is_there(process)
    assert not is_there(process)


def test_it_is_gone_too_when_what_is_made_fails(path):
    with pytest.raises(ZeroDivisionError), synced_in_background(path, LARGE) as process:
        _ = 1 / 0
    assert not is_there(process)


def test_a_small_file_needs_none(path):
    with synced_in_background(path, LARGE - 1) as process:
        assert process is None


PARENT = """
import sys, time
from pathlib import Path
from schemasync.files.background_fsync import synced_in_background
with synced_in_background(Path(sys.argv[1]), 10**9) as process:
    print(process, flush=True)
    time.sleep(60)
"""


def test_it_dies_with_its_parent(path):
    command = [sys.executable, "-c", PARENT, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        process = int(parent.stdout.readline())
        assert is_there(process)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_there(process):
        assert time.monotonic() < deadline, "it goes on for nobody"
        time.sleep(0.02)
