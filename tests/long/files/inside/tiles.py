import sqlite3
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from commands import main, run

COPY = "-of MBTiles -co NAME=tiles -a_srs EPSG:4326 -a_ullr -10 10 10 -10".split()


def make(path):
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.ppm"
        picture.write_bytes(b"P6 600 600 255\n" + bytes((x * y) % 251 for y in range(600) for x in range(1800)))
        run("gdal_translate", "-q", *COPY, picture, path)
    run("gdaladdo", "-q", path, "2", "4")


def write(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT OR REPLACE INTO metadata (name, value) VALUES ('attribution', 'nobody')")
        connection.execute(
            "INSERT OR REPLACE INTO tiles (zoom_level, tile_column, tile_row, tile_data)"
            " SELECT zoom_level + 10, tile_column, tile_row, tile_data FROM tiles LIMIT 1"
        )
        connection.commit()


def read(path):
    sums = [line.strip() for line in run("gdalinfo", "-checksum", path).splitlines() if "Checksum" in line]
    bounds = [line.strip() for line in run("gdalinfo", path).splitlines() if "Size is" in line or "Upper" in line]
    with tempfile.TemporaryDirectory() as folder:
        util = Path(sys.executable).with_name("mb-util")
        run(util, "--silent", path, Path(folder) / "out")
        sizes = [file.stat().st_size for file in (Path(folder) / "out").rglob("*") if file.is_file()]
        run(util, "--silent", Path(folder) / "out", Path(folder) / "again.mbtiles")
    return f"gdalinfo: {bounds} {sums}; mb-util exports {len(sizes)} files of {sum(sizes)} bytes"


main(lambda: f"{run('gdalinfo', '--version').split(',')[0]}, mbutil {version('mbutil')}", make, write, read)
