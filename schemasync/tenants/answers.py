"""The responses to requests for a tenant that this process does not serve."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from .settings import tenant_settings

SUSPENDED = 60  # seconds in Retry-After, for a suspended tenant
BEHIND = 10  # for a tenant that is behind, which a run over all tenants is about to sync
MOVING = 1  # for a tenant whose file is closed, which takes milliseconds


def suspended() -> HttpResponse:
    """Return the response for a suspended tenant."""
    return _unavailable("This site is suspended.", SUSPENDED)


def moving() -> HttpResponse:
    """Return the response for a tenant whose file is closed, and whose row does not name another host yet."""
    return _unavailable("This site is being moved.", MOVING)


def behind() -> HttpResponse:
    """Return the response for a tenant whose file does not have the schema of this process yet."""
    return _unavailable("This site is being upgraded.", BEHIND)


def other_host(request: HttpRequest, key: str, host: str) -> HttpResponse:
    """Return the response for a tenant of another host: that of OTHER_HOST, or 421 for a host that is not in HOSTS."""
    found = tenant_settings()
    there = found.hosts.get(host)
    if there is None or found.other_host == 421:
        return HttpResponse("This site is on another host.", status=421)
    if found.other_host == 307:
        url = f"{there.url.replace('{key}', key)}{request.get_full_path()}"
        return HttpResponseRedirect(url, preserve_request=True)
    return HttpResponse(headers={"X-Accel-Redirect": location(host)})


def location(host: str) -> str:
    """Return the name of nginx's location for a host. By a named location nginx passes on method and body."""
    return f"@tenants_{host}"


def _unavailable(text: str, seconds: int) -> HttpResponse:
    return HttpResponse(text, status=503, headers={"Retry-After": str(seconds)})
