"""linkding: rows that migrations write, columns that they fill, tokens that they copy from another app's table."""

from .product import Allowed, Product, Release

PRODUCT = Product(
    name="linkding",
    repository="sissbruecker/linkding",
    old=Release(
        version="1.31.0",
        commit="695b0dc300772add2069d7857b99b989da2305b7",
        python="3.12",
        settings="siteroot.settings.prod",
        requirements="requirements.txt",
        without=("uwsgi", "supervisor", "psycopg2-binary"),
        instead=("django-debug-toolbar==4.4.6", "setuptools<81"),  # its packages and settings import these
    ),
    new=Release(
        version="1.46.2",
        commit="65813a75404b1319aca8b09700fadc0b15adabaf",
        python="3.13",
        settings="bookmarks.settings.prod",
        requirements="uv.lock",
        without=("uwsgi", "supervisor"),
        instead=("psycopg[binary]>=3.2.9", "django-debug-toolbar>=6.1.0", "pytest>=9.0.3"),
    ),
    writing="5.2.15",
    variables={},
    postgres={"LD_DB_ENGINE": "postgres", "LD_DB_DATABASE": "{name}", "LD_DB_USER": "{user}", "LD_DB_HOST": "{host}"},
    folders=("data", "data/favicons", "data/previews", "data/assets"),
    suite=("bookmarks.tests",),
    suite_settings="bookmarks.settings.dev",
    data_migrations={
        "bookmarks.0041_merge_metadata": "merge_metadata",
        "bookmarks.0044_bookmark_latest_snapshot": "latest_snapshot",
        "bookmarks.0047_populate_url_normalized_field": "normalized",
        "bookmarks.0050_new_search_toast": "search_toast",
        "bookmarks.0051_fix_normalized_url": None,  # it repairs rows that 0047 left out
        "bookmarks.0053_migrate_api_tokens": "tokens",
    },
    allowed=(
        Allowed(
            "bookmarks_apitoken",
            "migration 0053 gives the old one, which auto_now_add replaces by the time it ran",
            column="created",
        ),
    ),
)
