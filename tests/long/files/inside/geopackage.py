import struct

import numpy
import pyogrio
import pyogrio.raw
from commands import main, run


def make(path):
    _features(path, range(500))


def write(path):
    before = pyogrio.read_info(path, layer="places")["features"]
    _features(path, range(before, before + 20), append=True)


def read(path):
    box = pyogrio.raw.read(path, layer="places", bbox=(10, 0, 20, 100))
    text = run("ogrinfo", "-ro", "-al", "-so", "-oo", "LIST_ALL_TABLES=NO", path)
    assert "ERROR" not in text, text
    layers = [line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("Layer name")]
    columns = [line for line in text.splitlines() if ": String" in line and "later" not in line]
    whole = run("ogrinfo", "-ro", path, "-sql", "SELECT count(*) AS n FROM rtree_places_geom WHERE minx >= 0")
    indexed = [line.strip() for line in whole.splitlines() if "n (Integer) =" in line]
    return f"{pyogrio.read_info(path, layer='places')['features']} features, {len(box[2])} in a box; ogrinfo: {layers} {columns} {indexed}"


def _features(path, numbers, **more):
    points = [struct.pack("<BIdd", 1, 1, float(number), number / 2) for number in numbers]
    names = numpy.array([f"place {number}" for number in numbers], dtype=object)
    pyogrio.raw.write(
        path,
        numpy.array(points, dtype=object),
        [names],
        numpy.array(["name"], dtype=object),
        layer="places",
        driver="GPKG",
        geometry_type="Point",
        crs="EPSG:4326",
        **more,
    )


main(
    lambda: (
        f"pyogrio {pyogrio.__version__} with GDAL {pyogrio.__gdal_version_string__}; {run('ogrinfo', '--version').split(',')[0]}"
    ),
    make,
    write,
    read,
)
