"""URLs of the demo: the projects, one project, Django's admin, and the health of the database."""

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

from demo_project import views

urlpatterns = [
    path("", views.projects, name="projects"),
    path("projects/<int:project_id>/", views.project, name="project"),
    path("admin/", admin.site.urls),
    path("health/", include("schemasync.urls")),
    *staticfiles_urlpatterns(),  # only with DEBUG
]
