"""The process that does a job with tenants for `workers`."""

from __future__ import annotations

import os
import pickle
import sys

import django


def main() -> None:
    """Answer each key on standard input with its outcome, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what code of the application prints is no answer
    program = pickle.load(sys.stdin.buffer)
    sys.argv = [*program, "schemasync"]  # as in the command: this process serves nobody
    django.setup()
    job = pickle.load(sys.stdin.buffer)  # it imports models
    while True:
        try:
            key = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(job(key), answers)
        answers.flush()
