"""Litestream beside a database whose live file changes its name at each swap."""
