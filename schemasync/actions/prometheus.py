"""Write the measurements of the backend in the text format of Prometheus, with the library prometheus-client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from .. import databases
from ..engines.sqlite import metrics_file
from ..errors import Code, Refused
from ..files.layout import Layout, size_of
from ..metrics.totals import Totals

Value = Callable[[Totals], float]

COUNTERS: tuple[tuple[str, str, Value], ...] = (
    ("commits", "Transactions that wrote.", lambda totals: totals.commits),
    ("write_seconds", "Time that they spent in the database.", lambda totals: totals.write_seconds),
    ("idle_transactions", "Transactions that took the write lock and wrote nothing.", lambda totals: totals.idle),
    ("rollbacks", "Transactions that were rolled back.", lambda totals: totals.rollbacks),
    ("lock_held_seconds", "Time for which the write lock was held.", lambda totals: totals.held_seconds),
    ("lock_waits", "Transactions that waited for the write lock.", lambda totals: totals.waits),
    ("lock_wait_seconds", "Time for which they waited.", lambda totals: totals.wait_seconds),
    ("busy_errors", "Statements that failed because the database was locked.", lambda totals: totals.busy),
    ("reads", "SELECTs, estimated from a sample.", lambda totals: totals.reads),
    ("read_seconds", "Their time until the first row.", lambda totals: totals.read_seconds),
)


def content_type() -> str:
    """The media type of the text."""
    return str(_library().CONTENT_TYPE_LATEST)


def text() -> bytes:
    """Return the figures of every SQLite database that has a schema.json. Raises a SchemasyncError."""
    library = _library()
    registry = library.CollectorRegistry()
    registry.register(_Collector())
    return bytes(library.generate_latest(registry))


class _Collector:
    """A collector that reads the figures when the library calls it."""

    def collect(self) -> Iterable[Any]:
        core = import_module("prometheus_client.core")
        layouts = {alias: Layout(databases.path_of(alias)) for alias in databases.synced()}
        totals = {alias: metrics_file.since_the_begin(layout.metrics) for alias, layout in layouts.items()}
        for name, about, value in COUNTERS:
            family = core.CounterMetricFamily(f"schemasync_{name}", about, labels=["database"])
            for alias, found in totals.items():
                family.add_metric([alias], value(found))
            yield family
        for name, about, bytes_of in _SIZES:
            family = core.GaugeMetricFamily(f"schemasync_{name}", about, labels=["database"])
            for alias, layout in layouts.items():
                family.add_metric([alias], bytes_of(layout))
            yield family

    def describe(self) -> Iterator[Any]:
        """Return nothing: otherwise the library would read the figures once more to find their names."""
        return iter(())


def _file_bytes(layout: Layout) -> int:
    return size_of(layout.link)


def _log_bytes(layout: Layout) -> int:
    live = layout.live()
    return 0 if live is None else size_of(live.path.with_name(f"{live.path.name}-wal"))


_SIZES: tuple[tuple[str, str, Callable[[Layout], int]], ...] = (
    ("file_bytes", "Size of the live file.", _file_bytes),
    ("log_bytes", "Size of its write-ahead log.", _log_bytes),
)


def _library() -> Any:
    try:
        return import_module("prometheus_client")
    except ImportError as error:
        raise Refused.of(
            Code.MISSING_PACKAGE,
            "prometheus-client is not installed, which writes the text for Prometheus",
            "pip install 'django-schemasync[metrics]'",
        ) from error
