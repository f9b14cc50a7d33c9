"""A network that stops in the middle: runs a program, and relays so many bytes of its input and output; then nothing
arrives, and neither side gets an error: `python -m tests.tenants.relay IN OUT PROGRAM …`."""

import os
import subprocess
import sys
import threading
import time


def _pass_on(reading, writing, most):
    while most > 0 and (chunk := os.read(reading, min(most, 1 << 16))):
        os.write(writing, chunk)
        most -= len(chunk)
    if most <= 0:
        time.sleep(3600)
    os.close(writing)


def main(there, back, *program):
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=_pass_on, args=(0, process.stdin.fileno(), int(there)), daemon=True).start()
    threading.Thread(target=_pass_on, args=(process.stdout.fileno(), 1, int(back)), daemon=True).start()
    process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
