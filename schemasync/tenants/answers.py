"""The responses to requests for a tenant that this process does not serve."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from .settings import tenant_settings

SUSPENDED = 60  # seconds after which a client may ask again for a suspended tenant
BEHIND = 10  # for one that is behind, to which a run over all tenants comes
MOVING = 1  # for one whose file is closed, which takes milliseconds


def suspended() -> HttpResponse:
    """For a tenant that somebody has suspended."""
    return _unavailable("This site is suspended.", SUSPENDED)


def moving() -> HttpResponse:
    """For a tenant whose file is closed, and whose row does not name another host yet."""
    return _unavailable("This site is being moved.", MOVING)


def behind() -> HttpResponse:
    """For a tenant whose file has not the schema of this process yet."""
    return _unavailable("This site is being upgraded.", BEHIND)


def other_host(request: HttpRequest, key: str, host: str) -> HttpResponse:
    """For a tenant of another host: what OTHER_HOST says, and 421 for one that is none of HOSTS."""
    found = tenant_settings()
    there = found.hosts.get(host)
    if there is None or found.other_host == 421:
        return HttpResponse("This site is on another host.", status=421)
    if found.other_host == 307:
        url = f"{there.url.replace('{key}', key)}{request.get_full_path()}"
        return HttpResponseRedirect(url, preserve_request=True)
    return HttpResponse(headers={"X-Accel-Redirect": location(host)})


def location(host: str) -> str:
    """The named location of nginx that passes a request on to a host: with such a one, nginx keeps method and body."""
    return f"@tenants_{host}"


def _unavailable(text: str, seconds: int) -> HttpResponse:
    return HttpResponse(text, status=503, headers={"Retry-After": str(seconds)})
