"""The actions of `manage.py schemasync` as functions. docs/python-api.md has a page for each.

Each takes the options of its action as keyword arguments, returns the object that the command prints with `--json`, and
raises a `schemasync.errors.SchemasyncError` where the command exits with 2 to 6. Nothing is printed, and nothing is
asked.
"""

from ..actions.adopt import AdoptJson
from ..actions.check import CheckJson
from ..actions.cutover import CutoverJson
from ..actions.export import ExportJson
from ..actions.health import HealthJson
from ..actions.history import HistoryJson
from ..actions.inspect import InspectJson
from ..actions.plan import PlanJson
from ..actions.prune import PruneJson
from ..actions.rollback import PreviewJson, RollbackJson
from ..actions.snapshot import SnapshotJson
from ..actions.sync import SyncJson
from ..sync.status import StatusJson
from .changing import adopt, cutover, export, prune, rollback, snapshot, sync
from .progress import Listener, Note, Progress
from .reading import check, health, history, inspect, plan, status

__all__ = [
    "AdoptJson",
    "CheckJson",
    "CutoverJson",
    "ExportJson",
    "HealthJson",
    "HistoryJson",
    "InspectJson",
    "Listener",
    "Note",
    "PlanJson",
    "PreviewJson",
    "Progress",
    "PruneJson",
    "RollbackJson",
    "SnapshotJson",
    "StatusJson",
    "SyncJson",
    "adopt",
    "check",
    "cutover",
    "export",
    "health",
    "history",
    "inspect",
    "plan",
    "prune",
    "rollback",
    "snapshot",
    "status",
    "sync",
]
