from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from schemasync.tenants import current


class TenantMedia(FileSystemStorage):
    base_location = property(lambda self: Path(settings.MEDIA_ROOT, current()))
    location = property(lambda self: str(self.base_location.absolute()))
    base_url = property(lambda self: settings.MEDIA_URL + current() + "/")
