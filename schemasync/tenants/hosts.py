"""Find the host of a tenant. Only its row decides that; a host is chosen only for a new tenant."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Code, Refused, UsageError
from .context import OtherHost
from .rendezvous import has_labels, proposed
from .settings import tenant_settings


def chosen_host(key: str, host: str, labels: Mapping[str, str]) -> str:
    """Return the host for a new tenant: the given one, or a proposed one; empty in a project with one host. Raises
    UsageError for an unknown host, and Refused if it lacks a label or if no host has them all."""
    hosts = tenant_settings().hosts
    if not hosts and not host:
        return ""
    if host and host not in hosts:
        raise unknown_host(host)
    candidates = [hosts[host]] if host else list(hosts.values())
    if host and has_labels(hosts[host], labels):
        return host  # a person may choose a host without a weight
    if (found := proposed(key, candidates, labels)) is None:
        raise _none_fits(host, labels)
    return found.name


def unknown_host(host: str) -> UsageError:
    """Return the error for a host that is not in HOSTS."""
    known = ", ".join(tenant_settings().hosts) or "none"
    return UsageError.of(Code.NO_HOST, f'there is no host "{host}"', f"HOSTS has: {known}.", host=host)


def refuse_other_host(key: str, host: str) -> None:
    """Raise OtherHost if `host`, the host in the row of a tenant, is not this one."""
    if not (found := tenant_settings()).is_here(host):
        where = f'is on the host "{host}"' if host else "has no host"
        command = f'Tenant.objects.filter(key="{key}").update(host="{found.host}")'
        raise OtherHost.of(
            Code.OTHER_HOST,
            f'the tenant "{key}" {where}, and this is "{found.host}"',
            f'Do it on "{host}".' if host else f"If its file is here, say so: {command}",
            tenant=key,
            host=host,
        )


def _none_fits(host: str, labels: Mapping[str, str]) -> Refused:
    asked = ", ".join(f"{name}={value}" for name, value in labels.items())
    message = f'the host "{host}" lacks a label of {asked}' if host else f"no host with a weight has the labels {asked}"
    if not labels:
        message = "no host has a weight"
    hint = 'Choose other labels, or add them to a host in SCHEMASYNC["TENANTS"]["HOSTS"].'
    return Refused.of(Code.NO_HOST, message, hint)
