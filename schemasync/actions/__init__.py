"""The actions and their results for `--json`: one module for each action, imported when it is first used."""

from typing import TYPE_CHECKING

from ..lazy_modules import lazy_modules

if TYPE_CHECKING:
    from . import addressed as addressed
    from . import adopt as adopt
    from . import advise as advise
    from . import advise_indexes as advise_indexes
    from . import backup as backup
    from . import backups as backups
    from . import check as check
    from . import cutover as cutover
    from . import database as database
    from . import ddl as ddl
    from . import dialogue as dialogue
    from . import drill as drill
    from . import eject as eject
    from . import export as export
    from . import hash as hash
    from . import health as health
    from . import history as history
    from . import inspect as inspect
    from . import keep_writes as keep_writes
    from . import litestream as litestream
    from . import metrics as metrics
    from . import models as models
    from . import move as move
    from . import option_values as option_values
    from . import plan as plan
    from . import prune as prune
    from . import rehearse as rehearse
    from . import restore as restore
    from . import restore_source as restore_source
    from . import rollback as rollback
    from . import run_report as run_report
    from . import shared as shared
    from . import snapshot as snapshot
    from . import status as status
    from . import switch as switch
    from . import sync as sync
    from . import sync_options as sync_options

__getattr__ = lazy_modules(__name__)
