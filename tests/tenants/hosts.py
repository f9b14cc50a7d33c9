"""The settings of one of two hosts: that of the environment variable TENANTS_HOST. They share the default database. RELAY is
what the pipe between them goes through."""

import os
import sys

from .settings import *  # noqa: F403
from .settings import BASE_DIR, SCHEMASYNC

HOST = os.environ["TENANTS_HOST"]
RELAY = os.environ.get("RELAY", "").split()
RECEIVE = [sys.executable, "-m", "tests.tenants.one_side", "receive"]
SCHEMASYNC = {
    **SCHEMASYNC,
    "TENANTS": {
        **SCHEMASYNC["TENANTS"],
        "FOLDER": BASE_DIR / HOST,
        "HOST": HOST,
        "HOSTS": {
            "north": {"RECEIVE": [*RELAY, "env", "TENANTS_HOST=north", *RECEIVE], "LABELS": {"region": "eu"}},
            "south": {"RECEIVE": [*RELAY, "env", "TENANTS_HOST=south", *RECEIVE], "WEIGHT": 0},
        },
    },
}
