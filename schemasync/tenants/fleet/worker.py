"""The process that does a job with tenants. `workers.py` starts it."""

from __future__ import annotations

import os
import pickle
import sys

import django


def main() -> None:
    """Answer each key on standard input with its outcome, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # code of the application may print, which must not go to the pipe
    program = pickle.load(sys.stdin.buffer)
    sys.argv = [*program, "schemasync"]  # as in the command, so that this is no serving process
    django.setup()
    job = pickle.load(sys.stdin.buffer)  # it imports models
    while True:
        try:
            key = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(job(key), answers)
        answers.flush()
