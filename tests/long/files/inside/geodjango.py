import sys

import django
from commands import main
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.contrib.gis.db.backends.spatialite", "NAME": sys.argv[2]}},
    SPATIALITE_LIBRARY_PATH="mod_spatialite",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.gis.db import models  # noqa: E402
from django.contrib.gis.geos import Point, Polygon  # noqa: E402
from django.db import connection  # noqa: E402


class Town(models.Model):
    name = models.CharField(max_length=80, unique=True)
    point = models.PointField()

    class Meta:
        app_label = "shop"


def make(path):
    connection.prepare_database()  # as migrate does
    with connection.schema_editor() as editor:
        editor.create_model(Town)
    _towns(range(300))


def write(path):
    _towns(range(Town.objects.count(), Town.objects.count() + 20))
    Town.objects.filter(name="town 5").update(point=Point(-1, -1, srid=4326))


def read(path):
    within = Town.objects.filter(point__within=Polygon.from_bbox((10, 0, 20, 100))).count()
    bounds = Town.objects.aggregate(models.Extent("point"))["point__extent"]
    with connection.cursor() as cursor:
        checks = cursor.execute(
            "SELECT CheckSpatialMetaData(), CheckSpatialIndex('shop_town', 'point'), count(*) FROM idx_shop_town_point"
        ).fetchone()
    return f"{Town.objects.count()} towns, {within} in a box, {bounds}; SpatiaLite's checks and the index: {checks}"


def _towns(numbers):
    Town.objects.bulk_create([Town(name=f"town {n}", point=Point(n / 2, n / 4, srid=4326)) for n in numbers])


def version():
    return (
        f"Django {django.__version__}, SpatiaLite {'.'.join(map(str, connection.ops.spatialite_version_tuple()[1:]))}"
    )


main(version, make, write, read)
