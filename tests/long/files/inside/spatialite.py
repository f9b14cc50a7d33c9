import sqlite3

from commands import main


def make(path):
    connection = _open(path)
    connection.execute("SELECT InitSpatialMetaData(1)")
    connection.execute("CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    connection.execute("SELECT AddGeometryColumn('towns', 'geom', 4326, 'POINT', 'XY')")
    connection.execute("SELECT CreateSpatialIndex('towns', 'geom')")
    connection.execute("CREATE VIEW east AS SELECT id AS ROWID, name, geom FROM towns WHERE ST_X(geom) > 100")
    connection.execute(
        "INSERT INTO views_geometry_columns (view_name, view_geometry, view_rowid, f_table_name, f_geometry_column,"
        " read_only) VALUES ('east', 'geom', 'rowid', 'towns', 'geom', 1)"
    )
    _towns(connection, range(300))
    connection.execute("SELECT UpdateLayerStatistics()")
    connection.commit()


def write(path):
    connection = _open(path)
    before = connection.execute("SELECT max(id) + 1 FROM towns").fetchone()[0]
    _towns(connection, range(before, before + 20))
    connection.execute("UPDATE towns SET geom = MakePoint(-1, -1, 4326) WHERE id = 3")
    connection.execute("DELETE FROM towns WHERE id = 4")
    connection.commit()


def read(path):
    connection = _open(path)
    found = {
        name: connection.execute(f"SELECT {expression}").fetchone()[0]
        for name, expression in (
            ("CheckSpatialMetaData", "CheckSpatialMetaData()"),
            ("CheckSpatialIndex", "CheckSpatialIndex('towns', 'geom')"),
            ("towns", "(SELECT count(*) FROM towns)"),
            ("east", "(SELECT count(*) FROM east)"),
            ("extent", "(SELECT ST_AsText(Extent(geom)) FROM towns)"),
            (
                "in a box by the index",
                "(SELECT count(*) FROM towns WHERE ROWID IN (SELECT ROWID FROM SpatialIndex WHERE f_table_name = 'towns'"
                " AND search_frame = BuildMbr(10, 0, 20, 100)))",
            ),
        )
    }
    try:
        connection.execute("INSERT INTO towns (name, geom) VALUES ('x', MakePoint(1, 1, 3857))")
    except sqlite3.IntegrityError as error:
        found["another SRID"] = str(error)
    connection.rollback()
    return str(found)


def _towns(connection, numbers):
    rows = [(number, f"town {number}", number / 2, number / 4) for number in numbers]
    connection.executemany("INSERT INTO towns (id, name, geom) VALUES (?, ?, MakePoint(?, ?, 4326))", rows)


def _open(path):
    connection = sqlite3.connect(path)
    connection.enable_load_extension(True)
    connection.load_extension("mod_spatialite")
    return connection


main(lambda: "SpatiaLite " + _open(":memory:").execute("SELECT spatialite_version()").fetchone()[0], make, write, read)
