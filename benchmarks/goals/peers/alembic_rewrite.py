"""Alembic: make the change that the first argument names by `batch_alter_table`, in the database of the second one.
Without arguments it only imports, as much as a change does."""

import sys

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Float, String, create_engine

TYPES = {"affinity": {"weight": String(20)}, "two_columns": {"weight": String(20), "quantity": Float()}}

if len(sys.argv) > 1:
    engine = create_engine(f"sqlite:///{sys.argv[2]}")
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("shop_order") as batch:
            for column, type_ in TYPES[sys.argv[1]].items():
                batch.alter_column(column, type_=type_)
    engine.dispose()
