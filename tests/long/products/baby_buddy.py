"""Baby Buddy: a `migrate` of its own, a cache table that a migration makes, and settings that read the engine by name."""

from .product import Allowed, Patch, Product, Release

PRODUCT = Product(
    name="baby-buddy",
    repository="babybuddy/babybuddy",
    old=Release(
        version="2.5.0",
        commit="54c3e717989edf28c7aae0bfdea6ad8ab49dce24",
        python="3.12",
        settings="babybuddy.settings.base",
        requirements="requirements.txt",
        without=("gunicorn", "psycopg2-binary"),
    ),
    new=Release(
        version="2.10.0",
        commit="fa8bf4cd66ed149e23c215763a49a2f76dbcd2b7",
        python="3.12",
        settings="babybuddy.settings.base",
        requirements="requirements.txt",
        without=("gunicorn",),
    ),
    writing="5.2.15",
    variables={"SECRET_KEY": "public"},
    postgres={
        "DB_ENGINE": "django.db.backends.postgresql",
        "DB_NAME": "{name}",
        "DB_USER": "{user}",
        "DB_HOST": "{host}",
    },
    suite=(),
    suite_settings="babybuddy.settings.test",
    is_first=False,  # its own `migrate`, which creates the first user, must come first
    patches=(
        Patch(
            "babybuddy/management/commands/migrate.py",
            "from django.core.management.commands import migrate",
            "from schemasync.management.commands import migrate",
        ),
    ),
    data_migrations={"core.0035_recalculate_durations": "durations"},
    seed="percentiles",
    allowed=(
        Allowed(
            "cache_default",
            "a setting that a model reads is cached for five minutes, and cached again when these are over",
            where="cache_key LIKE ':1:dbsettings.%'",
        ),
        Allowed("auth_user", "the first user's, salted at random", column="password", only_new=True),
        Allowed("auth_user", "the time at which migrate made the first user", column="date_joined", only_new=True),
        Allowed(
            "auth_permission",
            "django-dbsettings adds this permission to the model and to no migration; Django makes permissions of the state "
            "that migrations describe, and of the models where schema.json takes their place",
            where="codename = 'can_edit_feeding_settings'",
            only_full=True,
        ),
    ),
)
