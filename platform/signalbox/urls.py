"""Where everything is mounted: the API under three prefixes, the control panel, the web page."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from kernel.middleware import problem_response
from signalbox.api import mounted
from signalbox.views import home, service_worker

admin.site.site_header = admin.site.site_title = "Signalbox"

urlpatterns = [
    *([path("admin/", admin.site.urls)] if settings.ENV.control_panel else []),
    path("", home, name="home"),
    path("sw.js", service_worker, name="service-worker"),
    mounted("api/v1/", "v1"),
    mounted("api/", "api"),
    mounted("", "plain"),
]


def _problem(status: int) -> object:
    def view(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        return problem_response(status)

    return view


if not settings.DEBUG:
    handler400, handler403, handler404, handler500 = (
        _problem(400),
        _problem(403),
        _problem(404),
        _problem(500),
    )
