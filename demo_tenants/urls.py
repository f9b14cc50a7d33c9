"""The page of a tenant, and the admin: that of each tenant, and on localhost that of those who run the site."""

from django.contrib import admin
from django.urls import path

from .invoices import views

urlpatterns = [path("", views.invoices), path("admin/", admin.site.urls)]
