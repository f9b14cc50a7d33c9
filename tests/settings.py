"""Settings of the package's own tests; those that need a database name one in a temporary folder."""

SECRET_KEY = "tests"
INSTALLED_APPS = ["schemasync"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
TIME_ZONE = "UTC"
