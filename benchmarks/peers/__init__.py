"""What tools that change SQLite tables keep of a table: each is run on the same databases, and prints what it did."""
