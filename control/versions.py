"""The major versions of the API: which ones answer, which is announced. See docs/versioning.md."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """One major version; dates are ISO, `status` is stable, planned, deprecated or retired."""

    version: str
    release_date: str
    status: str
    breaking_changes: tuple[str, ...] = ()
    deprecation_notice: str | None = None
    sunset_date: str | None = None


ACTIVE = Version("v1", "2026-11-21", "stable")
VERSIONS = (ACTIVE, Version("v2", "", "planned"))


def version_called(name: str) -> Version:
    """The version of that name; the active one where there is none, as on the paths without a version."""
    return next((version for version in VERSIONS if version.version == name), ACTIVE)


def version_body(version: Version) -> dict[str, Any]:
    """The version as the API shows it."""
    return asdict(version)
