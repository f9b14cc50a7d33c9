import asyncio
import sqlite3
from contextlib import closing
from importlib.metadata import version

from commands import main
from datasette.app import Datasette
from datasette.fixtures import populate_fixture_database

PAGES = (
    "facetable.json?_facet=state&_size=3",
    "searchable.json?_search=dog",
    "compound_three_primary_keys.json?_size=2&_sort=content",
    "simple_view.json",
    "-/query.json?sql=select+count(*)+from+binary_data",
    "sortable.json?_sort=sortable&_size=2",
)


def make(path):
    with closing(sqlite3.connect(path)) as connection:
        populate_fixture_database(connection)
        connection.commit()


def write(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO searchable (text1, text2) VALUES ('a later dog', 'x')")
        connection.execute("INSERT INTO facetable (created, state, tags) VALUES ('2026-01-01', 'CA', '[]')")
        connection.execute("DELETE FROM sortable WHERE pk1 = 'a'")
        connection.commit()


def read(path):
    return asyncio.run(_pages(path))


async def _pages(path):
    served = Datasette([str(path)])
    found = []
    for page in PAGES:
        answer = await served.client.get(f"/{path.stem}/{page}")
        assert answer.status_code == 200, answer.text
        rows = answer.json()["rows"]
        found.append(f"{page.partition('.')[0]}: {[list(map(str, row.values()))[:4] for row in rows][:3]}")
    shown = await served.client.get(f"/{path.stem}/facetable?_facet=state")
    assert shown.status_code == 200 and "<h1" in shown.text, shown.text
    return "; ".join(found)


main(lambda: f"datasette {version('datasette')}", make, write, read)
