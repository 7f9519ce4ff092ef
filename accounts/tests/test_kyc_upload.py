"""Handing in documents: what is taken, what is kept of it, and everything that is refused."""

import base64
import hashlib
import io
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import KycDocument, KycSubmission, User
from accounts.tests.kyc_files import (
    CANARY,
    MANY,
    as_json,
    form,
    hostile,
    pdf,
    pdf_bomb,
    photo_with_a_place,
    picture,
    png_with_text,
)

KYC = "/api/v1/auth/kyc"
GOOD = {"jpeg": picture, "png": lambda: picture("PNG"), "pdf": pdf}
BAD = hostile()


@pytest.fixture
def ann(person: Callable[..., User]) -> User:
    return person("ann")


@pytest.fixture
def client(ann: User, client_of: Callable[[Any], APIClient]) -> APIClient:
    return client_of(ann)


@pytest.fixture
def store(settings: Any, tmp_path: Path) -> Path:
    """Where the files of this test are kept."""
    options = {"location": str(tmp_path / "files"), "base_url": None}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return tmp_path / "files"


pytestmark = pytest.mark.usefixtures("store")


def upload(client: APIClient, *contents: bytes, **options: Any) -> Any:
    return client.post(f"{KYC}/upload", form(*contents, **options), format="multipart")


def download(client: APIClient, document: dict[str, Any]) -> Any:
    return client.get(f"{KYC}/documents/{document['id']}")


def content_of(response: Any) -> bytes:
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("kind", list(GOOD))
def test_a_document_is_handed_in_by_form(client: APIClient, kind: str) -> None:
    sent = GOOD[kind]()
    answer = upload(client, sent)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert set(body) == {"status", "documents"}
    (document,) = body["documents"]
    assert document.pop("id")
    assert document.pop("uploaded_at").endswith("Z")
    assert document == {
        "document_type": "passport",
        "filename": "scan0" + {"jpeg": ".jpg", "png": ".png", "pdf": ".pdf"}[kind],
        "content_type": "application/pdf" if kind == "pdf" else f"image/{kind}",
        "size": len(sent),
        "sha256": hashlib.sha256(sent).hexdigest(),
    }
    assert client.get("/api/v1/auth/me").json()["kyc_status"] == "pending"


def test_documents_are_handed_in_as_json(client: APIClient) -> None:
    answer = client.post(f"{KYC}/upload", as_json(picture(), pdf(), filename="Pass (neu).jpeg"))
    assert answer.status_code == 201, answer.content
    assert [one["filename"] for one in answer.json()["documents"]] == ["Pass (neu).jpg", "Pass (neu).pdf"]


def test_the_older_name_of_the_form_s_field_needs_no_types(client: APIClient) -> None:
    body = form(picture(), pdf(), name="files")
    del body["document_type"]
    answer = client.post(f"{KYC}/upload", body, format="multipart")
    assert answer.status_code == 201, answer.content
    assert {one["document_type"] for one in answer.json()["documents"]} == {"unspecified"}


def test_the_status_tells_what_was_handed_in(client: APIClient) -> None:
    empty = {"status": "not_submitted", "submitted_at": None, "reviewed_at": None, "reason": None, "documents": []}
    assert client.get(f"{KYC}/status").json() == empty
    sent = upload(client, picture(), pdf(), kinds=["id_card", "proof_of_address"]).json()
    status = client.get(f"{KYC}/status").json()
    assert status["status"] == "pending"
    assert status["submitted_at"].endswith("Z")
    assert status["documents"] == sent["documents"]


@pytest.mark.parametrize("name", [name for name in BAD if "5,000" not in name])
def test_what_is_no_plain_image_or_pdf_is_refused_by_its_place(client: APIClient, store: Path, name: str) -> None:
    answer = upload(client, picture(), BAD[name])
    assert answer.status_code == 400, (name, answer.content)
    (fault,) = answer.json()["errors"].items()
    assert fault[0] == "documents.1"
    assert fault[1][0].endswith(".")
    assert not KycSubmission.objects.exists()
    assert not list(store.rglob("*.*"))


@pytest.mark.parametrize("name", ["html", "a pdf with a script", "a pdf of 5,000 pages", "half a jpeg"])
def test_json_is_looked_at_as_closely(client: APIClient, name: str) -> None:
    answer = client.post(f"{KYC}/upload", as_json(BAD[name]))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["documents.0"]


def test_an_image_that_takes_long_to_read_is_refused_before_it_is_read(client: APIClient) -> None:
    answer = upload(client, BAD["a jpeg with a thousand scans"])
    assert "too long" in answer.json()["errors"]["documents.0"][0]


def test_what_a_file_calls_itself_does_not_matter(client: APIClient) -> None:
    body = as_json(picture("PNG"), filename="evil.html")
    (document,) = client.post(f"{KYC}/upload", body).json()["documents"]
    assert (document["content_type"], document["filename"]) == ("image/png", "evil.png")


def test_a_photo_keeps_its_look_and_loses_what_it_tells(client: APIClient) -> None:
    sent = photo_with_a_place()
    assert CANARY in sent
    (document,) = upload(client, sent).json()["documents"]
    kept = content_of(download(client, document))
    assert CANARY not in kept
    image = Image.open(io.BytesIO(kept))
    assert image.size == (80, 120), "turned upright, as its note said"
    assert not image.getexif()
    assert "comment" not in image.info


@pytest.mark.parametrize(
    ("sent", "kept_as"),
    [
        (png_with_text(), "PNG"),
        (picture() + b"<script>" + CANARY, "JPEG"),
        (picture() + b"PK\x03\x04" + CANARY, "JPEG"),
        (pdf() + b"\n<script>" + CANARY, "PDF"),
        (pdf(), "PDF"),
    ],
)
def test_nothing_comes_along_beside_the_pixels_or_pages(client: APIClient, sent: bytes, kept_as: str) -> None:
    assert CANARY in sent
    (document,) = upload(client, sent).json()["documents"]
    kept = content_of(download(client, document))
    assert CANARY not in kept
    if kept_as != "PDF":
        Image.open(io.BytesIO(kept), formats=[kept_as]).load()


def test_a_pdf_that_opens_at_a_page_is_taken_without_that(client: APIClient) -> None:
    def opens_at(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = pikepdf.Array([document.pages[0].obj, pikepdf.Name.Fit])
        document.pages[0].AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.GoTo, D="x"))

    (document,) = upload(client, pdf(opens_at, pages=3)).json()["documents"]
    with pikepdf.open(io.BytesIO(content_of(download(client, document)))) as kept:
        assert len(kept.pages) == 3
        assert "/OpenAction" not in kept.Root
        assert "/AA" not in kept.pages[0]


def test_a_pdf_that_unpacks_to_gigabytes_is_refused(client: APIClient) -> None:
    bomb = pdf_bomb()
    assert len(bomb) < MANY
    answer = upload(client, bomb)
    assert answer.status_code == 400, answer.content
    greatest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert greatest < 1024, "MiB, of whatever this process has started"


@pytest.mark.parametrize("form_of", ["multipart", "json"])
def test_a_file_of_more_than_ten_megabytes_is_refused(client: APIClient, form_of: str) -> None:
    large = picture() + bytes(MANY)
    body = form(large) if form_of == "multipart" else as_json(large)
    answer = client.post(f"{KYC}/upload", body, format=form_of)
    assert answer.status_code == 413
    assert "10 MiB" in answer.content.decode()


def test_a_file_of_ten_megabytes_is_taken(client: APIClient) -> None:
    sent = picture()
    answer = upload(client, sent + bytes(MANY - len(sent)))
    assert answer.status_code == 201, answer.content


def test_more_than_five_files_are_refused(client: APIClient) -> None:
    assert upload(client, *[picture()] * 6).status_code == 413
    assert client.post(f"{KYC}/upload", as_json(*[picture()] * 6)).status_code == 400
    assert upload(client, *[picture()] * 5).status_code == 201


def test_a_body_of_a_hundred_megabytes_is_refused_unread(client: APIClient) -> None:
    class Endless(io.RawIOBase):
        was_read = 0

        def read(self, size: int = -1) -> bytes:
            Endless.was_read += size
            return bytes(max(size, 0))

    for kind, length in (("multipart/form-data; boundary=x", 100 * 2**20), ("application/json", 100 * 2**20)):
        answer = client.generic(
            "POST", f"{KYC}/upload", b"", content_type=kind, CONTENT_LENGTH=str(length), **{"wsgi.input": Endless()}
        )
        assert answer.status_code == 413
        assert answer.json()["code"] == "body_too_large"
    assert Endless.was_read == 0


def test_json_of_more_than_its_own_limit_is_refused(client: APIClient) -> None:
    body = b'{"documents": "' + b"A" * (29 * 2**20) + b'"}'
    answer = client.generic("POST", f"{KYC}/upload", body, content_type="application/json")
    assert answer.status_code == 413


def test_other_routes_keep_the_common_limit(client: APIClient) -> None:
    for path in (f"{KYC}/withdraw", "/api/v1/auth/me"):
        answer = client.generic("PATCH", path, b" " * (2**20 + 1), content_type="application/json")
        assert answer.status_code == 413, path


def test_a_large_upload_is_never_in_memory_as_a_whole(client: APIClient) -> None:
    sent = picture()
    body, kind = encoded([sent + bytes(MANY - len(sent) - number) for number in range(5)])
    incoming = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    tracemalloc.start()
    try:
        answer = client.generic("POST", f"{KYC}/upload", b"", content_type=kind, **incoming)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 201, answer.content
    assert most < 8 * 2**20, f"{most // 2**20} MiB for a body of {len(body) // 2**20} MiB"


def encoded(contents: list[bytes]) -> tuple[bytes, str]:
    """A multipart body, made beforehand so that making it is not measured."""
    parts = []
    for content in contents:
        parts += [
            b'--xyz\r\nContent-Disposition: form-data; name="documents"; filename="a.jpg"\r\n\r\n' + content + b"\r\n",
            b'--xyz\r\nContent-Disposition: form-data; name="document_type"\r\n\r\npassport\r\n',
        ]
    return b"".join(parts) + b"--xyz--\r\n", "multipart/form-data; boundary=xyz"


def test_a_person_s_quota_ends_somewhere(client: APIClient, settings: Any) -> None:
    settings.KYC_QUOTA = 20_000
    assert upload(client, picture()).status_code == 201
    answer = upload(client, picture(size=(1_200, 1_200), quality=99))
    assert (answer.status_code, answer.json()["code"]) == (413, "kyc_quota_exceeded")
    client.delete(KYC)
    assert upload(client, picture()).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "documents"),
        ({"documents": "text", "document_type": "passport"}, "documents"),
        (form(picture(), kinds=["passport", "passport"]), "document_type"),
        (form(picture(), kinds=["library_card"]), "document_type"),
        (form(picture(), kinds=["unspecified"]), "document_type"),
    ],
)
def test_a_form_that_is_not_right_is_refused(client: APIClient, body: dict[str, Any], field: str) -> None:
    answer = client.post(f"{KYC}/upload", body, format="multipart")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"documents": []},
        {"documents": {}},
        {"documents": [{"document_type": "passport", "filename": "a"}]},
        {"documents": [{"document_type": "passport", "filename": "a", "content": "not base64!"}]},
        {"documents": [{"document_type": "passport", "filename": "a", "content": 7}]},
        {"documents": [{"document_type": "x", "content": base64.b64encode(picture()).decode()}]},
    ],
)
def test_json_that_is_not_right_is_refused(client: APIClient, body: Any) -> None:
    answer = client.post(f"{KYC}/upload", body, format="json")
    assert answer.status_code == 400, answer.content
    assert not KycSubmission.objects.exists()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/pdf", "image/png"])
def test_another_content_type_is_refused(client: APIClient, kind: str) -> None:
    assert client.generic("POST", f"{KYC}/upload", picture(), content_type=kind).status_code == 415


@pytest.mark.parametrize("body", [b"", b"--xyz", b"nonsense", b"--xyz\r\n\r\n", b"--xyz\r\nContent-Disposition: x\r\n"])
def test_a_broken_form_is_refused(client: APIClient, body: bytes) -> None:
    for kind in ("multipart/form-data; boundary=xyz", "multipart/form-data"):
        assert client.generic("POST", f"{KYC}/upload", body, content_type=kind).status_code == 400


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../../etc/passwd", "passwd.jpg"),
        ("..\\..\\boot.ini", "boot.jpg"),
        ("a\r\nSet-Cookie: x=1.jpg", "aSet-Cookie: x=1.jpg"),
        ("\u202egpj.exe", "gpj.jpg"),
        ("x" * 5_000 + ".jpg", "x" * 116 + ".jpg"),
        ("résumé “1”.jpeg", "résumé “1”.jpg"),
        ("", "document.jpg"),
        (".", "document.jpg"),
        ("/", "document.jpg"),
        (".htaccess", "htaccess.jpg"),
    ],
)
def test_a_name_is_shown_and_never_used(client: APIClient, store: Path, sent: str, shown: str) -> None:
    (document,) = client.post(f"{KYC}/upload", as_json(picture(), filename=sent)).json()["documents"]
    assert document["filename"] == shown
    answer = download(client, document)
    disposition = answer["Content-Disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''")
    assert disposition.isascii()
    assert not set(disposition) & set('\r\n"\\/')
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert answer["Cache-Control"] == "no-store"
    assert int(answer["Content-Length"]) == len(content_of(answer))
    (kept,) = [path for path in store.rglob("*") if path.is_file()]
    assert kept.relative_to(store).as_posix() == KycDocument.objects.get().storage_key
    assert len(kept.name) == 32


def test_a_null_in_a_name_is_no_text(client: APIClient) -> None:
    assert client.post(f"{KYC}/upload", as_json(picture(), filename="a\x00.jpg")).status_code == 400


def test_what_is_kept_cannot_be_read_without_its_row(client: APIClient, store: Path) -> None:
    sent = picture("PNG")
    upload(client, sent)
    (kept,) = [path for path in store.rglob("*") if path.is_file()]
    content = kept.read_bytes()
    assert b"PNG" not in content
    assert b"IHDR" not in content
    KycDocument.objects.update(wrapped_key=KycDocument.objects.get().wrapped_key[:-1] + b"x")
    answer = download(client, client.get(f"{KYC}/status").json()["documents"][0])
    assert (answer.status_code, answer.json()["code"]) == (503, "document_unreadable")


def test_files_and_keys_cannot_be_swapped_between_rows(client: APIClient) -> None:
    first, second = upload(client, picture(), picture("PNG")).json()["documents"]
    one, other = (KycDocument.objects.get(pk=document["id"]) for document in (first, second))
    KycDocument.objects.filter(pk=one.pk).update(wrapped_key=other.wrapped_key)
    assert download(client, first).status_code == 503
    KycDocument.objects.filter(pk=one.pk).update(wrapped_key=one.wrapped_key, storage_key="aside")
    KycDocument.objects.filter(pk=other.pk).update(storage_key=one.storage_key)
    assert download(client, second).status_code == 503


def test_a_new_upload_takes_the_place_of_one_that_waits(client: APIClient) -> None:
    upload(client, picture())
    newer = upload(client, pdf()).json()
    assert client.get(f"{KYC}/status").json()["documents"] == newer["documents"]
    assert list(KycSubmission.objects.order_by("version").values_list("version", "status")) == [
        (1, "withdrawn"),
        (2, "pending"),
    ]


def test_the_same_documents_again_are_the_same_submission(client: APIClient) -> None:
    first = upload(client, picture(), pdf())
    again = upload(client, picture(), pdf())
    assert (again.status_code, again.json()) == (201, first.json())
    assert KycSubmission.objects.count() == 1


def test_withdrawing_ends_the_wait(client: APIClient) -> None:
    assert client.post(f"{KYC}/withdraw").json()["code"] == "kyc_nothing_pending"
    upload(client, picture())
    answer = client.post(f"{KYC}/withdraw")
    assert (answer.status_code, answer.json()["status"]) == (200, "not_submitted")
    assert client.post(f"{KYC}/withdraw").status_code == 409


def test_erasure_leaves_no_file_and_no_word(
    client: APIClient, ann: User, store: Path, django_capture_on_commit_callbacks: Any
) -> None:
    upload(client, picture())
    KycSubmission.objects.update(status="rejected", reason="personal")
    upload(client, pdf())
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(KYC).status_code == 204
    assert not KycDocument.objects.exists()
    assert not [path for path in store.rglob("*") if path.is_file()]
    assert set(KycSubmission.objects.values_list("status", "reason")) == {("withdrawn", "")}
    ann.refresh_from_db()
    assert ann.kyc_status == "not_submitted"
    assert client.get(f"{KYC}/status").json()["documents"] == []
    assert client.delete(KYC).status_code == 204
