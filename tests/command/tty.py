"""A command on its own pseudo-terminal, as the controlling one, so that Ctrl-C is a signal."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from contextlib import suppress

from tests.support.processes import Ended, Forked, environment

CTRL_C, CTRL_D = "\x03", "\x04"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(command, folder, answers=(), columns=80, **variables):
    """Run the command. Each of `answers` is (the text to wait for, the keys to type then). `out` has everything
    shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    process = Forked(command[1:], folder, environment(**variables), (theirs, theirs, theirs), terminal=True)
    os.close(theirs)
    try:
        shown = _talk(ours, list(answers))
        return Ended(process.wait(20), shown.replace("\r\n", "\n"), "", command)
    finally:
        process.kill()
        os.close(ours)


def _talk(terminal, answers):
    shown, looked, deadline = "", 0, time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        data = b""
        with suppress(OSError):  # Linux reports EIO once the last program has closed the other end
            data = os.read(terminal, 65536)
        if not data:
            return shown
        shown += data.decode()
        if answers and answers[0][0] in shown[looked:]:
            looked = len(shown)
            time.sleep(0.2)  # Python handles a signal between the prompt and the following read late
            os.write(terminal, answers.pop(0)[1].encode())
    raise AssertionError(f"it does not end:\n{shown}")


def plain(text):
    """Return the text without colours and cursor movements."""
    return _ESCAPES.sub("", text)
