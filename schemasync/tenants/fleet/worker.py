"""The process that syncs tenants for `workers`."""

from __future__ import annotations

import os
import pickle
import sys

import django


def main() -> None:
    """Answer each key on standard input with its outcome, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what code of the application prints is no answer
    (program, wait) = pickle.load(sys.stdin.buffer)
    sys.argv = [*program, "schemasync"]  # as in the command: this process serves nobody
    django.setup()
    from .one import sync_tenant

    while True:
        try:
            key = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(sync_tenant(key, wait), answers)
        answers.flush()
