"""The demo's settings, with what a strict site adds: a Content-Security-Policy, and the visitor's language."""

from demo_project.settings import *  # noqa: F403
from demo_project.settings import MIDDLEWARE as OF_DEMO
from demo_project.settings import SCHEMASYNC as OF_DEMO_SCHEMASYNC

DEBUG = False  # what is forbidden or missing looks as it does to visitors
LOGGING = {  # without DEBUG Django would keep to itself why a page failed
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]},
}
SCHEMASYNC = {**OF_DEMO_SCHEMASYNC, "RUN_FROM_ADMIN": True}
MIDDLEWARE = [
    "tests.browser.strict.policy",
    *OF_DEMO,
    "django.middleware.locale.LocaleMiddleware",  # Arabic, say, for pages from right to left
]
# Nobody's secrets are here, and a slow hash would be half of the time that signing in takes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
