"""The demo for a real server, with its static files: `gunicorn tests.browser.served:application`."""

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.browser.settings")

application = StaticFilesHandler(get_wsgi_application())
