"""Which host has a tenant: what its row says, and nothing else. Only for a new one a host is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Code, Refused, UsageError
from .context import OtherHost
from .rendezvous import has_labels, proposed
from .settings import tenant_settings


def chosen_host(key: str, host: str, labels: Mapping[str, str]) -> str:
    """The host for a new tenant: the one that is given, otherwise the one that is proposed; empty in a project with one
    host. Raises UsageError for an unknown one, and Refused if it lacks a label or if no host has them all."""
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
    """The error for a host that HOSTS does not have."""
    known = ", ".join(tenant_settings().hosts) or "none"
    return UsageError.of(Code.NO_HOST, f'there is no host "{host}"', f"HOSTS has: {known}.", host=host)


def refuse_other_host(key: str, host: str) -> None:
    """Raise OtherHost if the file of a tenant, whose row has this host, is elsewhere."""
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
