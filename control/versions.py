"""The major versions of the API: which one answers, which is announced."""

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


def version_body(version: Version) -> dict[str, Any]:
    """The version as the API shows it."""
    return asdict(version)
