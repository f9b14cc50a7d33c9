"""Find faults in the replication of a database by Litestream: it is configured with the link, it replicates another
file, or a replica is behind."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from ... import conf, databases
from ...errors import Code, Problem
from ...files.layout import Layout, PathKind
from .follow import REGISTER
from .lag import ReadReplica, Replica
from .settings import litestream

CONFIG = "/etc/litestream.yml"  # Litestream's own default
_HOW = "For a configuration with the real path: manage.py schemasync litestream config -o FILE"


def link_faults(alias: str) -> Iterator[Problem]:
    """Yield problems if Litestream is configured with the link: it then replicates nothing, but looks healthy. This
    reads only files, and does not need the daemon."""
    link = databases.path_of(alias)
    if Layout(link).path_kind() is not PathKind.GENERATION:
        return
    state = Layout(link).replication_state(link)
    if state.is_dir():
        yield Problem(
            Code.LITESTREAM_LINK,
            f"Litestream watches {link}, which is a link, as {state.name} beside it shows: it replicates nothing, and "
            "looks healthy",
            f"{_HOW}\nWhen it has the real path: rm -r {shlex.quote(str(state))}",
            {"link": str(link)},
        )
    for config in _configs():
        if str(link) in _paths(config):
            message = f"{config} has {link}, which is a link: Litestream replicates nothing, and looks healthy"
            yield Problem(Code.LITESTREAM_LINK, message, _HOW, {"link": str(link), "config": str(config)})


def replication_faults(alias: str, found: Replica | None) -> Iterator[Problem]:
    """Yield the problems of a replica: its daemon does not answer, replicates another file, or is behind."""
    match found:
        case None:
            return
        case Replica(trouble=str(trouble)) if trouble:
            hint = "Start it, with its control socket: see docs/howto/litestream.md of schemasync."
            yield Problem(Code.LITESTREAM_SILENT, f"Litestream does not answer: {trouble}", hint)
        case Replica(live=live, is_live=False):
            message = f"Litestream does not replicate {live}, which is live"
            yield Problem(Code.LITESTREAM_OTHER_FILE, message, f"To let it: {REGISTER}", {"live": live})
        case Replica(seconds=seconds) if seconds > _allowed(alias):
            message = f"the replica of Litestream is {seconds:.0f} s behind, and {_allowed(alias):.0f} s are allowed"
            hint = "Its log says why: the storage may refuse the upload, or be out of reach."
            yield Problem(Code.LITESTREAM_BEHIND, message, hint, {"seconds": round(seconds, 1)})


def read_replica_faults(alias: str, found: Mapping[str, ReadReplica]) -> Iterator[Problem]:
    """Yield a problem for each read replica that is missing, or behind for too long."""
    for other, one in found.items():
        if one.seconds is None or one.seconds > _allowed(alias):
            since = "is not there" if one.seconds is None else f"has been behind for {one.seconds:.0f} s"
            message = f'the read replica "{other}" {since}'
            hint = f"Is this at work? litestream restore -f -o {databases.path_of(other)} URL"
            yield Problem(Code.READ_REPLICA_BEHIND, message, hint, {"alias": other, "seconds": one.seconds})


def _allowed(alias: str) -> float:
    found = litestream(alias)
    return found.lag if found is not None else 0.0


def _configs() -> Iterator[Path]:
    places = (os.environ.get("LITESTREAM_CONFIG", CONFIG), conf.litestream().get("CONFIG"))
    for path in dict.fromkeys(Path(place) for place in places if place):
        if path.is_file():
            yield path


def _paths(config: Path) -> set[str]:
    """Return the paths of databases in a configuration file; none without PyYAML, or if it cannot be read."""
    try:
        import yaml
    except ImportError:
        return set()
    try:
        tree = yaml.safe_load(os.path.expandvars(config.read_text("utf-8")))
    except (OSError, ValueError, yaml.YAMLError):
        return set()
    dbs = tree.get("dbs") if isinstance(tree, Mapping) else None
    named = [str(one["path"]) for one in dbs or () if isinstance(one, Mapping) and "path" in one]
    return {str(Path(path).expanduser().absolute()) for path in named}
