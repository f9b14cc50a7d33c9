"""The settings of one of two hosts, named by the environment variable TENANT_MOVES_ON. They share the default database.
RELAY is the program that the pipe between them passes through."""

import os
import sys

from .settings import *  # noqa: F403
from .settings import BASE_DIR, SCHEMASYNC

HOST = os.environ["TENANT_MOVES_ON"]
RELAY = os.environ.get("RELAY", "").split()
RECEIVE = [sys.executable, "-m", "tests.tenants.one_side", "receive"]
SCHEMASYNC = {
    **SCHEMASYNC,
    "TENANTS": {
        **SCHEMASYNC["TENANTS"],
        "FOLDER": BASE_DIR / HOST,
        "HOST": HOST,
        "HOSTS": {
            "north": {"RECEIVE": [*RELAY, "env", "TENANT_MOVES_ON=north", *RECEIVE], "LABELS": {"region": "eu"}},
            "south": {"RECEIVE": [*RELAY, "env", "TENANT_MOVES_ON=south", *RECEIVE]},
        },
    },
}
