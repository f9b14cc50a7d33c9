"""Required programs: with SCHEMASYNC_REQUIRE=browser,postgres, tests fail that would be skipped without them."""

from __future__ import annotations

import os


def is_required(what: str) -> bool:
    return what in os.environ.get("SCHEMASYNC_REQUIRE", "").replace(",", " ").split()
