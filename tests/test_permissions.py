"""The permission matrix in `docs/permissions.md` is what the code does, operation by operation, role by role.

After a change of permissions: `make export-permissions`, and read the difference.
"""

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.services import sign_in
from kernel.realtime.operations import operations as socket_operations
from signalbox import sockets
from tests.surface import Operation, operations

PAGE = Path(__file__).resolve().parents[1] / "docs" / "permissions.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"
ROLES = [role.value for role in Role]
ANONYMOUS = "anonymous"
PASSWORD = "correct horse battery"
# Ids that nobody has: whoever may come in learns that there is nothing, whoever may not is refused first.
NOTHING = {"id": "999999999", **dict.fromkeys(("session_id", "job_id"), str(uuid.UUID(int=1))), "symbol": "NOTHING"}

pytestmark = pytest.mark.django_db


def path_of(operation: Operation) -> str:
    path = operation.path
    for name in operation.path_parameters:
        value = NOTHING.get(name, NOTHING["id"])
        has_uuid = operation.path.startswith(("/jobs", "/notifications", "/auth/kyc"))
        if has_uuid and name != "user_id" and not operation.path.startswith("/notifications/channels"):
            value = str(uuid.UUID(int=1))
        path = path.replace("{" + name + "}", value)
    return f"/api/v1{path}"


def asked(client: APIClient, operation: Operation) -> str:
    """What somebody learns at the door: sign in first (401), not with this role (403), or come in."""
    response = client.generic(operation.method, path_of(operation), "{}", content_type="application/json")
    return str(response.status_code) if response.status_code in {401, 403} else "yes"


def row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def signed_in(role: str) -> APIClient:
    """A client with a session of its own: an operation that ends it must not speak for the next one."""
    client = APIClient()
    if role != ANONYMOUS:
        token = sign_in(login=role, password=PASSWORD, user_agent="", address=None).access_token
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def matrix(person: Any) -> list[str]:
    for role in ROLES:
        person(role, role=role, password=PASSWORD)
    everybody = [ANONYMOUS, *ROLES]
    rows = [row("operation", everybody), row("---", ["---"] * len(everybody))]
    for operation in operations():
        rows.append(row(f"`{operation.name}`", [asked(signed_in(role), operation) for role in everybody]))
    assert sockets.routed, "the socket paths register every operation"
    for one in socket_operations():
        stranger = "yes" if one.name == "auth" or one.is_public() else "401"
        rows.append(row(f"socket `{one.name}`", [stranger, *["yes"] * len(ROLES)]))
    return rows


def test_the_matrix_in_the_docs_is_what_the_code_does(matrix: list[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    shown, after = rest.split(END)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}\n{chr(10).join(matrix)}\n{END}{after}", encoding="utf-8")
    else:
        assert shown.strip().splitlines() == matrix
