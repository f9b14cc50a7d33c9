"""Addresses of the demo: the projects, one project, and Django's admin."""

from django.contrib import admin
from django.urls import path

from demo_project import views

urlpatterns = [
    path("", views.projects, name="projects"),
    path("projects/<int:project_id>/", views.project, name="project"),
    path("admin/", admin.site.urls),
]
