from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import path

from . import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("names/", views.names),
    path("names/async/", views.names_async),
    path("stream/async/", views.stream_async),
    path("stream/<kind>/", views.stream),
    path("write/", views.write),
    path("write-by-get/", views.write_by_get),
    path("fail/", views.fail),
    path("login/", views.log_in),
    path("user/", views.user),
    path("signed/", views.signed),
    path("reset/<uidb64>/<token>/", PasswordResetConfirmView.as_view(success_url="/"), name="reset"),
]
