"""The output of the actions: one module for each, with the lines for people, imported when it is first used."""

from typing import TYPE_CHECKING

from ...lazy_modules import lazy_modules

if TYPE_CHECKING:
    from . import adopt as adopt
    from . import advise as advise
    from . import advise_indexes as advise_indexes
    from . import backup as backup
    from . import check as check
    from . import cutover as cutover
    from . import ddl as ddl
    from . import drill as drill
    from . import eject as eject
    from . import export as export
    from . import failed as failed
    from . import hash as hash
    from . import health as health
    from . import history as history
    from . import inspect as inspect
    from . import keep_writes as keep_writes
    from . import litestream as litestream
    from . import metrics as metrics
    from . import migrate_risks as migrate_risks
    from . import models as models
    from . import move as move
    from . import plan as plan
    from . import prune as prune
    from . import rehearse as rehearse
    from . import restore as restore
    from . import rollback as rollback
    from . import shared as shared
    from . import snapshot as snapshot
    from . import status as status
    from . import switch as switch
    from . import sync as sync
    from . import tenants as tenants
    from . import tenants_status as tenants_status
    from . import terminal as terminal

__getattr__ = lazy_modules(__name__)
