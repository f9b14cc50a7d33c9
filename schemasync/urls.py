"""The views for monitors and load balancers: `path("health/", include("schemasync.urls"))`."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "schemasync"
urlpatterns = [
    path("", views.health, name="health"),
    path("ready", views.ready, name="ready"),
    path("metrics", views.metrics, name="metrics"),
]
