"""The actions of `manage.py schemasync` as functions. docs/python-api.md has a page for each.

Each function takes the options of its action as keyword arguments, returns the object that the command prints with
`--json`, and raises a `schemasync.errors.SchemasyncError` where the command exits with 2 to 6. It prints nothing, and
asks no questions.
"""

from ..actions.adopt import AdoptJson
from ..actions.advise import AdviseJson
from ..actions.advise_indexes import AdviseIndexesJson
from ..actions.backup import BackupJson
from ..actions.backups import BackupsJson
from ..actions.check import CheckJson
from ..actions.cutover import CutoverJson
from ..actions.ddl import DdlJson
from ..actions.drill import DrillJson
from ..actions.export import ExportJson
from ..actions.health import HealthJson
from ..actions.history import HistoryJson
from ..actions.inspect import InspectJson
from ..actions.metrics import MetricsJson
from ..actions.move import MoveJson, MovePlanJson
from ..actions.plan import PlanJson
from ..actions.prune import PruneJson
from ..actions.restore import RestoreJson, RestorePreviewJson, WrittenJson
from ..actions.rollback import PreviewJson, RollbackJson
from ..actions.snapshot import SnapshotJson
from ..actions.sync import SyncJson
from ..sync.status import StatusJson
from .changing import adopt, cutover, export, prune, rollback, snapshot, sync
from .keeping import backup, backups, drill, restore
from .moving import ddl, move
from .progress import Listener, Note, Progress
from .reading import advise, check, health, history, inspect, metrics, plan, status

__all__ = [
    "AdoptJson",
    "AdviseIndexesJson",
    "AdviseJson",
    "BackupJson",
    "BackupsJson",
    "CheckJson",
    "CutoverJson",
    "DdlJson",
    "DrillJson",
    "ExportJson",
    "HealthJson",
    "HistoryJson",
    "InspectJson",
    "Listener",
    "MetricsJson",
    "MoveJson",
    "MovePlanJson",
    "Note",
    "PlanJson",
    "PreviewJson",
    "Progress",
    "PruneJson",
    "RestoreJson",
    "RestorePreviewJson",
    "RollbackJson",
    "SnapshotJson",
    "StatusJson",
    "SyncJson",
    "WrittenJson",
    "adopt",
    "advise",
    "backup",
    "backups",
    "check",
    "cutover",
    "ddl",
    "drill",
    "export",
    "health",
    "history",
    "inspect",
    "metrics",
    "move",
    "plan",
    "prune",
    "restore",
    "rollback",
    "snapshot",
    "status",
    "sync",
]
