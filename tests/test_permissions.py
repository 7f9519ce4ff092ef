"""The permission matrix in `docs/permissions.md` is what the code does, operation by operation, role by role.

After a change of permissions: `make export-permissions`, and read the difference.
"""

import os
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
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


def token_of(role: str) -> str:
    return sign_in(login=role, password=PASSWORD, user_agent="", address=None).access_token


def client_with(token: str | None) -> APIClient:
    client = APIClient()
    if token:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def matrix(person: Any, undo: Callable[[], AbstractContextManager[None]]) -> list[str]:
    for role in ROLES:
        person(role, role=role, password=PASSWORD)
    tokens = {ANONYMOUS: None, **{role: token_of(role) for role in ROLES}}
    everybody = [*tokens]
    rows = [row("operation", everybody), row("---", ["---"] * len(everybody))]
    for operation in operations():
        cells = []
        for role in everybody:
            with undo():  # an operation that ends a session must not speak for the next one
                cells.append(asked(client_with(tokens[role]), operation))
        rows.append(row(f"`{operation.name}`", cells))
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
