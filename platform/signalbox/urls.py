"""Where everything is mounted: every version of the API, the active one without its name too; the panel; the page."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from control.versions import ACTIVE
from kernel.middleware import problem_response
from signalbox.api import SURFACES, mounted
from signalbox.views import home, service_worker

admin.site.site_header = admin.site.site_title = "Signalbox"

urlpatterns = [
    *([path("admin/", admin.site.urls)] if settings.ENV.control_panel else []),
    path("", home, name="home"),
    path("sw.js", service_worker, name="service-worker"),
    *(mounted(f"api/{name}/", name, version=name, patterns=patterns) for name, patterns in SURFACES.items()),
    mounted("api/", "api", version=ACTIVE.version, patterns=SURFACES[ACTIVE.version]),
    mounted("", "plain", version=ACTIVE.version, patterns=SURFACES[ACTIVE.version]),
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
