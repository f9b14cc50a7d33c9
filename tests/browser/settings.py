"""The demo's settings, plus those of a strict site: a Content-Security-Policy, and the visitor's language."""

from demo_project.settings import *  # noqa: F403
from demo_project.settings import MIDDLEWARE as OF_DEMO
from demo_project.settings import SCHEMASYNC as OF_DEMO_SCHEMASYNC

DEBUG = False  # forbidden and missing pages look as they do to visitors
LOGGING = {  # without DEBUG, Django would not log why a page failed
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]},
}
SCHEMASYNC = {**OF_DEMO_SCHEMASYNC, "RUN_FROM_ADMIN": True}
MIDDLEWARE = [
    "tests.browser.csp_middleware.policy",
    *OF_DEMO,
    "django.middleware.locale.LocaleMiddleware",  # Arabic, for example, for pages from right to left
]
# The database has no secrets, and a slow hash would take half of the time of signing in.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
