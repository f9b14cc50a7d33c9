"""Two hosts for the claims: forks of their process, which has loaded Django, each with a folder."""

import os
import shutil
import signal
import socket
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.test import override_settings

from schemasync.files.disk import Disk
from schemasync.tenants import lookup
from schemasync.tenants.moving.receiver import receive
from tests.crash.scenarios import KillAt
from tests.support.forks import refuse_open_databases

from . import south

FOLDER = Path(os.environ["TENANTS_FOLDER"])
SOCKET = FOLDER / "south.socket"


def settings_of(here, killed="never 0", *, urls=None, **more):
    """Return the settings of the north, or of the south, where the receiving side is killed at this step."""
    given = settings.SCHEMASYNC
    hosts = {"north": {}, "south": {"RECEIVE": [sys.executable, "-SIE", south.__file__, str(SOCKET), killed]}}
    for name, url in (urls or {}).items():
        hosts[name]["URL"] = url
    folder = FOLDER / "south" if here == "south" else given["TENANTS"]["FOLDER"]
    return override_settings(
        SCHEMASYNC={**given, "TENANTS": {**given["TENANTS"], "HOST": here, "HOSTS": hosts, "FOLDER": folder, **more}}
    )


def forked(action):
    """Run the action in a forked process; return the id of the process."""
    connections.close_all()
    refuse_open_databases()
    child = os.fork()
    if child == 0:
        lookup._rows.clear()  # a new process has no cached row
        try:
            action()
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(1)
    return child


def was_killed(child):
    _, status = os.waitpid(child, 0)
    lookup._rows.clear()  # stands for the second in which a row is cached
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@contextmanager
def the_south():
    """Run a process that forks for each receiving side."""
    shutil.rmtree(FOLDER / "south", ignore_errors=True)
    SOCKET.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(SOCKET))
        listening.listen()
        child = forked(lambda: _listen(listening))
        try:
            yield
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            shutil.rmtree(FOLDER / "south", ignore_errors=True)


def _listen(listening):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, _ = listening.accept()
        with asked:
            if os.fork() == 0:
                try:
                    _receive(asked)
                finally:
                    os._exit(1)


def _receive(asked):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, (reading, writing), *_ = socket.recv_fds(asked, 100, 2)
    for old, number in ((reading, 0), (writing, 1)):
        os.dup2(old, number)
        os.close(old)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  until the process ends
    when, number = text.decode().split()
    with settings_of("south"):
        receive(Disk(KillAt(when, int(number))) if when != "never" else Disk(), 60)
