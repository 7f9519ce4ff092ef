"""What a stranger learns from the public health pages: how it is and which version answers, nothing of the inside."""

import pytest
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

BARE = {
    "/health": {"status", "message", "timestamp", "version", "api_version", "version_info"},
    "/health/live": {"status"},
    "/health/ready": {"status"},
}


@pytest.mark.parametrize("path", BARE)
def test_a_stranger_sees_status_and_version_alone(path: str) -> None:
    assert set(APIClient().get(path).json()) == BARE[path]


def test_the_parts_are_shown_to_operators_alone() -> None:
    assert APIClient().get("/api/v1/health/components").status_code == 401
