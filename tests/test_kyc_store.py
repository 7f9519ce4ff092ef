"""Keeping documents in a real S3-compatible store and having them scanned, whatever breaks on the way."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from accounts.kyc import storage
from accounts.kyc.errors import StoreUnavailable
from accounts.models import KycDocument, KycSubmission, User
from accounts.tasks import sweep_kyc
from accounts.tests.kyc_files import form, pdf, picture
from kernel import clock
from signalbox.environment import Environment
from signalbox.stores import s3_store
from tests.fake_clamd import SIGNATURE, FakeClamd
from tests.s3_server import BUCKET, KEY, SECRET, BreakingWay, S3Server

KYC = "/api/v1/auth/kyc"


@pytest.fixture(scope="session")
def server(tmp_path_factory: Any) -> Iterator[S3Server]:
    found = S3Server(tmp_path_factory.mktemp("s3"))
    try:
        yield found.start()
    finally:
        found.stop()


@pytest.fixture
def s3(server: S3Server, settings: Any) -> Iterator[S3Server]:
    """The server, empty, as the place where files are kept."""
    server.clear()
    use_store(settings, server.port)
    yield server
    server.clear()


@pytest.fixture
def way(s3: S3Server, settings: Any) -> Iterator[BreakingWay]:
    """The server behind a connection that can break."""
    way = BreakingWay(s3.port)
    use_store(settings, way.port)
    yield way
    way.close()


@pytest.fixture
def clamd(settings: Any, tmp_path: Any) -> Iterator[FakeClamd]:
    options = {"location": str(tmp_path), "base_url": None}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    daemon = FakeClamd()
    settings.KYC_SCANNER, settings.CLAMAV_PORT, settings.CLAMAV_TIMEOUT = "clamav", daemon.port, 0.3
    yield daemon
    daemon.close()


@pytest.fixture
def ann(person: Callable[..., User]) -> User:
    return person("ann")


@pytest.fixture
def client(ann: User, client_of: Callable[[Any], APIClient]) -> APIClient:
    return client_of(ann)


def use_store(settings: Any, port: int, secret: str = SECRET) -> None:
    environment = Environment(
        s3_bucket=BUCKET, aws_access_key_id=KEY, aws_secret_access_key=secret,
        aws_s3_endpoint_url=f"http://127.0.0.1:{port}",
    )  # fmt: skip
    settings.STORAGES = {**settings.STORAGES, "default": s3_store(environment)}


def upload(client: APIClient, *contents: bytes) -> Any:
    return client.post(f"{KYC}/upload", form(*contents), format="multipart")


def refused(answer: Any, code: str = "storage_unavailable") -> bool:
    assert answer.status_code == 503, answer.content
    return bool(answer.json()["code"] == code and answer["Retry-After"])


def nothing_is_kept() -> bool:
    return not KycSubmission.objects.exists() and not KycDocument.objects.exists()


def test_documents_are_put_read_and_deleted(
    s3: S3Server, client: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    sent = [picture(), picture("PNG", size=(2_000, 1_500)), pdf()]
    answer = upload(client, *sent)
    assert answer.status_code == 201, answer.content
    assert set(s3.objects()) == set(KycDocument.objects.values_list("storage_key", flat=True))
    for document in answer.json()["documents"]:
        response = client.get(f"{KYC}/documents/{document['id']}")
        content = b"".join(response.streaming_content)
        assert len(content) == int(response["Content-Length"])
        assert content[:4] in {b"\xff\xd8\xff\xe0", b"\x89PNG", b"%PDF"}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(KYC).status_code == 204
    assert s3.objects() == {}


def test_what_is_in_the_bucket_is_ciphertext(s3: S3Server, client: APIClient) -> None:
    upload(client, picture("PNG"), pdf())
    for name, content in s3.objects().items():
        assert b"PNG" not in content
        assert b"PDF" not in content
        assert name.removeprefix("kyc/").isalnum()
        assert "ann" not in name


def test_the_bucket_is_closed_to_strangers(s3: S3Server, client: APIClient) -> None:
    import httpx

    upload(client, picture())
    (name,) = s3.objects()
    for path in (f"/{BUCKET}/{name}", f"/{BUCKET}/", "/"):
        assert httpx.get(f"http://127.0.0.1:{s3.port}{path}").status_code == 403


def test_wrong_credentials_are_503_and_nothing_is_kept(s3: S3Server, settings: Any, client: APIClient) -> None:
    use_store(settings, s3.port, secret="another")
    assert refused(upload(client, picture()))
    assert s3.objects() == {}
    sweep_after_repair(s3, settings)


def test_a_store_that_is_down_is_503_and_nothing_is_kept(s3: S3Server, settings: Any, client: APIClient) -> None:
    use_store(settings, 1)
    assert refused(upload(client, picture()))
    assert client.get(f"{KYC}/status").json()["status"] == "not_submitted"
    sweep_after_repair(s3, settings)


def sweep_after_repair(s3: S3Server, settings: Any) -> None:
    """What could not be undone while the store was away is undone by the sweep."""
    use_store(settings, s3.port)
    KycSubmission.objects.update(created_at=clock.now() - timedelta(hours=2))
    sweep_kyc()
    assert nothing_is_kept()
    assert s3.objects() == {}


def test_documents_cannot_be_read_while_the_store_is_down(s3: S3Server, settings: Any, client: APIClient) -> None:
    (document,) = upload(client, picture()).json()["documents"]
    use_store(settings, 1)
    assert refused(client.get(f"{KYC}/documents/{document['id']}"))
    use_store(settings, s3.port)
    assert client.get(f"{KYC}/documents/{document['id']}").status_code == 200


def test_a_connection_lost_in_mid_upload_leaves_nothing(s3: S3Server, way: BreakingWay, client: APIClient) -> None:
    way.cut_after = 40_000
    answer = upload(client, picture(), picture(size=(2_500, 2_500), quality=98))
    assert refused(answer)
    assert way.cuts >= 1
    assert nothing_is_kept()
    assert s3.objects() == {}, "the first document, which had arrived, went as well"


def test_a_connection_lost_once_is_tried_again(s3: S3Server, way: BreakingWay, client: APIClient) -> None:
    way.cut_after, way.times = 40_000, 1
    answer = upload(client, picture(size=(2_500, 2_500), quality=98))
    assert answer.status_code == 201, answer.content
    assert way.cuts == 1
    (document,) = answer.json()["documents"]
    response = client.get(f"{KYC}/documents/{document['id']}")
    assert len(b"".join(response.streaming_content)) == int(response["Content-Length"])


def test_an_object_that_arrived_without_our_hearing_of_it_is_removed(
    s3: S3Server, way: BreakingWay, client: APIClient
) -> None:
    way.deaf_to = (b"PUT",)
    assert refused(upload(client, picture()))
    assert way.cuts >= 1
    assert nothing_is_kept()
    assert s3.objects() == {}


def test_what_could_not_be_removed_either_is_swept(s3: S3Server, way: BreakingWay, client: APIClient) -> None:
    way.deaf_to = (b"PUT", b"DELETE")
    assert refused(upload(client, picture()))
    assert client.get(f"{KYC}/status").json()["documents"] == []
    way.deaf_to = ()
    assert sweep_kyc() == 0, "it may still be on its way"
    KycSubmission.objects.update(created_at=clock.now() - timedelta(hours=2))
    sweep_kyc()
    sweep_kyc()
    assert nothing_is_kept()
    assert s3.objects() == {}


def test_a_crash_between_store_and_database_is_swept_on_both_sides(
    s3: S3Server, client: APIClient, ann: User, monkeypatch: Any
) -> None:
    def crash(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("accounts.services.kyc._finish", crash)
        broken.setattr("accounts.services.kyc._abandon", lambda *args: None)
        with pytest.raises(KeyboardInterrupt):
            upload(client, picture())
    default_storage.save("kyc/" + "0" * 32, ContentFile(b"nobody's"))
    (document,) = KycDocument.objects.all()
    assert client.get(f"{KYC}/status").json()["status"] == "not_submitted"
    assert client.get(f"{KYC}/documents/{document.pk}").status_code == 404
    assert sweep_kyc() == 1
    assert set(s3.objects()) == {document.storage_key}
    KycSubmission.objects.update(created_at=clock.now() - timedelta(hours=2))
    assert sweep_kyc() >= 1
    sweep_kyc()
    assert s3.objects() == {}
    assert nothing_is_kept()


def test_the_sweep_keeps_what_is_kept(s3: S3Server, client: APIClient) -> None:
    upload(client, picture())
    KycSubmission.objects.update(created_at=clock.now() - timedelta(days=400))
    assert sweep_kyc() == 0
    assert len(s3.objects()) == 1


def test_an_upload_that_is_overtaken_leaves_nothing(
    s3: S3Server, client: APIClient, ann: User, client_of: Any, monkeypatch: Any
) -> None:
    real, other = storage.put, client_of(ann)

    def overtaken(*args: Any, **options: Any) -> None:
        monkeypatch.setattr(storage, "put", real)
        assert upload(other, pdf()).status_code == 201
        real(*args, **options)

    monkeypatch.setattr(storage, "put", overtaken)
    answer = upload(client, picture())
    assert (answer.status_code, answer.json()["code"]) == (409, "kyc_superseded")
    assert [one["content_type"] for one in client.get(f"{KYC}/status").json()["documents"]] == ["application/pdf"]
    assert set(s3.objects()) == {KycDocument.objects.get().storage_key}


def test_a_sweep_without_a_store_says_so(s3: S3Server, settings: Any, db: None) -> None:
    use_store(settings, 1)
    with pytest.raises(StoreUnavailable):
        sweep_kyc()


def test_what_is_handed_in_is_scanned_as_it_came(clamd: FakeClamd, client: APIClient) -> None:
    sent = picture() + b"at the end"
    assert upload(client, sent).status_code == 201
    assert clamd.scanned == [sent]
    assert KycDocument.objects.get().verdict == "clean"


def test_an_infected_file_is_refused_by_its_place(clamd: FakeClamd, client: APIClient) -> None:
    answer = upload(client, picture(), picture() + SIGNATURE)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["documents.1"]
    assert nothing_is_kept()


@pytest.mark.parametrize("mood", ["stalls", "drops", "garbage", "error", "silent", "too-large", "almost"])
def test_without_a_verdict_nothing_is_kept(clamd: FakeClamd, client: APIClient, mood: str) -> None:
    clamd.mood = mood
    assert refused(upload(client, picture()), "scanner_unavailable")
    assert nothing_is_kept()


def test_a_scanner_that_is_down_is_503(clamd: FakeClamd, settings: Any, client: APIClient) -> None:
    settings.CLAMAV_PORT = 1
    assert refused(upload(client, picture()), "scanner_unavailable")
    assert nothing_is_kept()


def test_a_document_without_a_verdict_is_not_there(clamd: FakeClamd, client: APIClient) -> None:
    (document,) = upload(client, picture()).json()["documents"]
    KycDocument.objects.update(verdict="")
    assert client.get(f"{KYC}/documents/{document['id']}").status_code == 404
