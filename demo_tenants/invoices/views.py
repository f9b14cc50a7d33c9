"""The invoices of the tenant whose host it is. No query names it."""

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from schemasync.tenants import current
from schemasync.tenants.models import State, Tenant

from .models import Invoice


def invoices(request: HttpRequest) -> HttpResponse:
    """The invoices, or on a host that belongs to no tenant the tenants."""
    if current() is None:
        return render(request, "invoices/tenants.html", {"tenants": Tenant.objects.filter(state=State.ACTIVE)})
    found = Invoice.objects.select_related("customer")
    total = found.aggregate(cents=Sum("cents"))["cents"] or 0
    return render(request, "invoices/invoices.html", {"key": current(), "invoices": found, "total": total})
