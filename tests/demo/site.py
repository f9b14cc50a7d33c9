"""A view of the demo's database for a real WSGI server: each POST writes a notice, and returns the name of the
engine."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

django_application = get_wsgi_application()

from django.db import connection  # noqa: E402  the settings are there now

from demo_project.notices.models import Notice  # noqa: E402


@csrf_exempt
def write(request: HttpRequest) -> HttpResponse:
    Notice.objects.create(title="served", text="", posted_at=timezone.now(), pinned=False)
    return HttpResponse(connection.vendor)


urlpatterns = [path("", write)]
settings.ROOT_URLCONF = __name__
settings.DEBUG = False
application = django_application
