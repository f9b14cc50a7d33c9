"""Find the load from which writers wait for each other, and the load from which PostgreSQL is faster.

The same site, through Django, on the backend and on a PostgreSQL of the same machine, with 1 to 100 processes that read
and write as fast as they can: `python -m benchmarks.thresholds`.
"""
