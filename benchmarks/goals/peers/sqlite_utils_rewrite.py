"""sqlite-utils: make the change that the first argument names by `table.transform(types=…)`, in the database of the
second one. Without arguments it only imports, as much as a change does."""

import sys

import sqlite_utils

TYPES = {"affinity": {"weight": str}, "two_columns": {"weight": str, "quantity": float}}

if len(sys.argv) > 1:
    database = sqlite_utils.Database(sys.argv[2])
    database["shop_order"].transform(types=TYPES[sys.argv[1]])
    database.close()
