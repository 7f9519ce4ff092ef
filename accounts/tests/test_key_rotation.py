"""A change of keys: everything sealed moves to the newest, and documents are read all the while."""

import base64
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.models import KycDocument, User
from accounts.tests.kyc_files import form, picture
from kernel.crypto import is_sealed_by_newest

KYC = "/api/v1/auth/kyc"


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def client(person: Callable[..., User], client_of: Callable[[Any], APIClient]) -> APIClient:
    return client_of(person("ann"))


@pytest.fixture
def old(settings: Any, tmp_path: Path) -> str:
    """The key that everything is sealed with so far."""
    options = {"location": str(tmp_path), "base_url": None}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    settings.FIELD_KEYS = f"old:{new_key()}"
    return str(settings.FIELD_KEYS)


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def upload(client: APIClient) -> str:
    answer = client.post(f"{KYC}/upload", form(picture(), picture("PNG")), format="multipart")
    return str(answer.json()["documents"][0]["id"])


def test_after_a_rotation_the_old_key_can_go(old: str, settings: Any, client: APIClient, tmp_path: Path) -> None:
    document = upload(client)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    newest = f"new:{new_key()}"
    settings.FIELD_KEYS = f"{newest},{old}"
    assert client.get(f"{KYC}/documents/{document}").status_code == 200
    assert "accounts.KycDocument.wrapped_key: 2 now sealed with new" in rotate()
    assert all(is_sealed_by_newest(row.wrapped_key) for row in KycDocument.objects.all())
    assert "accounts.KycDocument.wrapped_key: 0 now sealed with new" in rotate()
    settings.FIELD_KEYS = newest
    assert client.get(f"{KYC}/documents/{document}").status_code == 200
    assert {path: path.read_bytes() for path in files} == files, "only the keys of files are sealed anew, never files"


def test_without_its_key_a_document_is_not_readable_and_the_rotation_says_so(
    old: str, settings: Any, client: APIClient
) -> None:
    document = upload(client)
    settings.FIELD_KEYS = f"new:{new_key()}"
    assert client.get(f"{KYC}/documents/{document}").json()["code"] == "document_unreadable"
    with pytest.raises(CommandError, match="cannot be read"):
        rotate()
