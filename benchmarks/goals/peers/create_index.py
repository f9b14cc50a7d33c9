"""SQLite alone: create the index of the change in place. Without an argument it only imports."""

import sqlite3
import sys

if len(sys.argv) > 1:
    connection = sqlite3.connect(sys.argv[1])
    connection.execute("CREATE INDEX shop_order_comment ON shop_order (comment)")
    connection.close()
