"""The paths that the OpenAPI document lists: those of the active version under `/api/<version>` and no others."""

from control.versions import ACTIVE
from signalbox.api import SURFACES, described

urlpatterns = described(ACTIVE.version, SURFACES[ACTIVE.version])
