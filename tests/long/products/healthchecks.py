"""Healthchecks: a column whose values a data migration moves to another one, and UUIDs that a migration draws."""

from .product import Allowed, Product, Release

PRODUCT = Product(
    name="healthchecks",
    repository="healthchecks/healthchecks",
    old=Release(
        version="3.4",
        commit="17d01ee6e25d73932c22500518cdad6169baa730",
        python="3.12",
        settings="hc.settings",
        requirements="requirements.txt",
        without=("psycopg2",),
        instead=("pycurl>=7.45.3",),  # the first with wheels
    ),
    new=Release(
        version="4.3",
        commit="099f9c38a581df1863d9cb4e9266423cc7d33f18",
        python="3.13",
        settings="hc.settings",
        requirements="requirements.txt",
        instead=("psycopg[binary]==3.3.4",),
    ),
    writing="5.2.15",
    variables={"DEBUG": "False"},
    postgres={"DB": "postgres", "DB_NAME": "{name}", "DB_USER": "{user}", "DB_HOST": "{host}"},
    suite=("hc",),
    suite_settings="hc.settings",
    suite_variables={"DEBUG": "True"},  # without it, style sheets that only a deployment compresses are missing
    data_migrations={
        "accounts.0049_convert_email_lowercase": "emails",
        "accounts.0050_fix_legacy_timezones": "zones_of_profiles",
        "api.0108_move_body_to_body_raw": None,
        "api.0110_delete_hipchat_pagerteam_zendesk": "old_channels",
        "api.0117_fill_badge_key": "badge_keys",
        "api.0120_fix_ping_kind": "ping_kinds",
        "api.0121_fix_legacy_timezones_ii": "zones_of_checks",
        "api.0122_delete_msteams_linenotify": "more_old_channels",
    },
    exported=("--drop", "accounts_profile.team_limit", "--drop", "api_ping.body"),
    hints={
        "api_ping": {
            "_dropped": ["body"],
            "body_raw": {"fill": "CASE WHEN body <> '' THEN CAST(body AS BLOB) ELSE body_raw END"},
        }
    },
    allowed=(
        Allowed(
            "api_check",
            "migration 0117 draws it for checks that have none",
            column="badge_key",
            where="name LIKE 'without key %'",
        ),
    ),
)
