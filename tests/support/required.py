"""What has to be here: SCHEMASYNC_REQUIRE=browser,postgres makes tests fail that are skipped without it."""

from __future__ import annotations

import os


def is_required(what: str) -> bool:
    return what in os.environ.get("SCHEMASYNC_REQUIRE", "").replace(",", " ").split()
