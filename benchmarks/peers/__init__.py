"""Find out what each tool that changes SQLite tables preserves of a table. All run on the same databases."""
