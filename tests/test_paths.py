"""The edge of the web: origins, hosts, headers, cookies, method tricks, static files."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles.finders import get_finder
from django.test import Client

from tests.surface import V1, fault_of, stranger
from tests.world import PASSWORD, World, everything

pytestmark = pytest.mark.django_db

FOREIGN = [
    "https://evil.example", "null", "http://localhost.evil.example", "https://app.example.com.evil.example",
    "https://app.example.com:8443", "http://app.example.com", "https://APP.example.com.", "https://app.example.comx",
    "https://evil.example/https://app.example.com", "https://x.app.example.com", "*", "",
    "file://", "https://app.example.com@evil.example",
]  # fmt: skip


@pytest.fixture
def listed(settings: Any) -> str:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    return "https://app.example.com"


def test_a_page_of_another_site_reads_nothing(world: World, listed: str) -> None:
    for origin in FOREIGN:
        for path in ("/", f"{V1}/health", f"{V1}/formulas", f"{V1}/nothing"):
            plain = world.client("ann").get(path, headers={"Origin": origin})
            preflight = stranger().options(
                path,
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization",
                },
            )
            for response in (plain, preflight):
                assert "Access-Control-Allow-Origin" not in response, path
                assert "Access-Control-Allow-Credentials" not in response, path


def test_a_page_of_a_listed_site_reads_and_sends_what_the_api_documents(world: World, listed: str) -> None:
    wanted = "authorization,content-type,idempotency-key,if-match,x-request-id"
    preflight = stranger().options(
        f"{V1}/formulas",
        headers={"Origin": listed, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted},
    )
    assert preflight["Access-Control-Allow-Origin"] == listed
    allowed = {name.strip().lower() for name in preflight["Access-Control-Allow-Headers"].split(",")}
    assert set(wanted.split(",")) <= allowed
    response = world.client("ann").get(f"{V1}/formulas", headers={"Origin": listed})
    assert response["Access-Control-Allow-Origin"] == listed
    assert "Access-Control-Allow-Credentials" not in response
    exposed = {name.strip().lower() for name in response["Access-Control-Expose-Headers"].split(",")}
    assert {"etag", "retry-after", "x-request-id", "idempotency-replayed"} <= exposed


def test_no_site_is_listed_unless_somebody_lists_it(world: World, settings: Any) -> None:
    assert settings.CORS_ALLOWED_ORIGINS == []
    for origin in ("http://localhost:3000", "http://testserver", "https://evil.example"):
        assert "Access-Control-Allow-Origin" not in stranger().get("/", headers={"Origin": origin})


ANSWERS = [
    ("GET", "/", "text/html"),
    ("GET", "/", "*/*"),
    ("GET", f"{V1}/health", "*/*"),
    ("GET", f"{V1}/auth/me", "*/*"),
    ("GET", f"{V1}/nothing", "*/*"),
    ("POST", f"{V1}/health", "*/*"),
    ("POST", f"{V1}/auth/login", "*/*"),
    ("GET", f"{V1}/docs", "text/html"),
    ("GET", f"{V1}/redoc", "text/html"),
    ("GET", f"{V1}/openapi.json", "*/*"),
    ("GET", f"{V1}/ws/asyncapi.json", "*/*"),
    ("GET", f"{V1}/ws/asyncapi", "text/html"),
    ("GET", "/admin/login/", "text/html"),
    ("GET", "/admin/", "text/html"),
    ("GET", "/static/admin/css/base.css", "*/*"),
    ("GET", "/static/nothing.css", "*/*"),
]


@pytest.mark.parametrize(("method", "path", "accept"), ANSWERS)
def test_every_kind_of_answer_has_the_headers_that_protect_it(method: str, path: str, accept: str) -> None:
    response = stranger().generic(method, path, headers={"Accept": accept})
    policy = {part.strip() for part in response["Content-Security-Policy"].split(";")}
    assert {"default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] in {"same-origin", "no-referrer", "strict-origin-when-cross-origin"}
    if path not in {f"{V1}/docs", f"{V1}/redoc", f"{V1}/ws/asyncapi"} and not path.startswith("/admin"):
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
        assert not any("unsafe" in part for part in policy)
    for leak in ("Server", "X-Powered-By"):
        assert leak not in response


def test_what_is_answered_to_somebody_signed_in_is_not_stored(world: World) -> None:
    for path in ("/auth/me", "/formulas", "/notifications", "/nothing", "/datafeed/config"):
        assert "no-store" in world.client("ann").get(V1 + path)["Cache-Control"], path
    login = stranger().post(
        f"{V1}/auth/login", {"username": "cat", "password": PASSWORD}, content_type="application/json"
    )
    assert "no-store" in login["Cache-Control"]


def test_the_page_brings_nothing_from_elsewhere_and_runs_nothing_inline() -> None:
    for path in ("/", f"{V1}/docs", f"{V1}/redoc"):
        page = stranger().get(path, headers={"Accept": "text/html"}).content.decode()
        for word in ('src="http', 'src="//', 'href="http', 'href="//'):
            assert word not in page, (path, word)
    home = stranger().get("/", headers={"Accept": "text/html"}).content.decode()
    assert "<script>" not in home
    assert not any(f" {event}=" in home for event in ("onclick", "onload", "onsubmit"))


HOSTS = [
    "evil.example", "testserver.evil.example", "testserver@evil.example", "evil.example:80", "a b", "[::1", "-", "",
    "testserver\x00",
]  # fmt: skip


def test_a_foreign_host_is_refused(world: World) -> None:
    for host in HOSTS:
        for path in ("/", f"{V1}/health", f"{V1}/auth/me", f"{V1}/versions", "/admin/login/"):
            assert fault_of(world.client("ann").get(path, headers={"Host": host}), 400) == "", (path, host)


def test_a_forwarded_host_is_not_believed(world: World) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    for path in ("/versions", "/formulas?size=1", "/jobs"):
        assert b"evil.example" not in world.client("ann").get(V1 + path, headers=headers).content


OVERRIDES = [
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-HTTP-Method": "DELETE"},
    {"X-Method-Override": "DELETE"},
    {"X-Original-URL": "/admin/"},
    {"X-Rewrite-URL": f"{V1}/health"},
    {"X-Forwarded-Prefix": "/admin"},
]


def test_headers_that_name_another_method_or_path_change_nothing(world: World) -> None:
    for headers in OVERRIDES:
        address, _ = f"{V1}/formulas/{world.private.pk}", [world.token(name) for name in ("ann", "ben")]
        before = everything()
        assert world.client("ann").get(address, headers=headers).json()["id"] == world.private.pk
        posted = world.client("ann").post(f"{address}?_method=DELETE&method=DELETE", {}, headers=headers)
        assert fault_of(posted, 405) == ""
        assert fault_of(world.client("ben").get(address, headers=headers), 404) == ""
        assert fault_of(stranger().get(address, headers=headers), 401) == ""
        assert everything() == before


TAILS = [
    ".json", ";a=b", "?format=json", "%3Fformat=json", "/?format=api", "//", "/.", "/..;/", "%2f", "%00", "%23",
    "?x[]=1", "#a",
]  # fmt: skip


def test_odd_endings_do_not_open_what_is_closed(world: World) -> None:
    for tail in TAILS:
        for client, expected in ((stranger(), {401, 404}), (world.client("ben"), {404})):
            response = client.get(f"{V1}/formulas/{world.private.pk}{tail}")
            assert fault_of(response, *expected) == "", tail


def test_the_session_of_the_control_panel_opens_nothing_of_the_api(world: World) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.people["admin"])
    assert client.get("/admin/").status_code == 200
    before = len(everything()["formulas.Formula"])
    assert fault_of(client.get(f"{V1}/auth/me"), 401) == ""
    assert fault_of(client.post(f"{V1}/formulas", {"name": "x"}, content_type="application/json"), 401) == ""
    assert client.get(f"{V1}/auth/status").json()["authenticated"] is False
    assert len(everything()["formulas.Formula"]) == before


def test_the_control_panel_refuses_a_form_from_elsewhere(world: World) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    form = {"username": "admin", "password": PASSWORD}
    assert client.post("/admin/login/", form, headers={"Origin": "https://evil.example"}).status_code == 403
    client.force_login(world.people["admin"])
    assert client.post("/admin/logout/", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("path", ["/admin", "/admin/"])
def test_the_control_panel_answers_with_and_without_a_slash(world: World, path: str) -> None:
    client = Client()
    client.force_login(world.people["admin"])
    assert client.get(path).status_code == 200


TARGETS = [
    "//evil.example", "https://evil.example", "\\\\evil.example", "/\\evil.example", "javascript:alert(1)",
    "///evil.example",
    "https:evil.example", "%2f%2fevil.example", "\x00//evil.example", "/admin/\r\nX: y",
]  # fmt: skip


def test_signing_in_leads_nowhere_else(world: World) -> None:
    for target in TARGETS:
        form = {"username": "admin", "password": PASSWORD, "next": target}
        response = Client(raise_request_exception=False).post("/admin/login/", form)
        assert response.status_code in {200, 302, 400, 403, 429}
        location = response.get("Location", "/")
        assert urlsplit(location)[:2] == ("", "")
        assert not location.startswith(("//", "/\\", "\\"))


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "path",
    ["../settings.py", "../../signalbox/settings.py", "%2e%2e/settings.py", "%2e%2e%2fsettings.py",
     "..%2f..%2fmanage.py",
     "..%5c..%5csettings.py", "%5c..%5csettings.py", "%00", "admin/css/base.css%00", "a%00b", "%ff",
     "....//settings.py",
     "/etc/passwd", "%2fetc%2fpasswd", "C:%5cwindows%5cwin.ini", "file:///etc/passwd", "", ".", "..", "admin", "admin/",
     "admin/css/", "nothing", "a" * 5_000, "signalbox/../../index.html", "admin/css/../../../../manage.py",
     "%0d%0aX:%20y"],
)  # fmt: skip
def test_static_files_are_those_and_no_others(path: str, debug: bool, settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = debug
    response = stranger().get(f"/static/{path}")
    assert response.status_code == 404, path
    assert b"SECRET_KEY" not in response.content
    assert fault_of(response, 404) == ""


@pytest.mark.parametrize("debug", [False, True])
def test_a_link_out_of_the_static_folder_leads_nowhere(tmp_path: Path, debug: bool, settings: Any) -> None:
    folder, outside = tmp_path / "static", tmp_path / "outside"
    for place in (folder / "real", outside):
        place.mkdir(parents=True)
        (place / "file.txt").write_text("found")
    (folder / "file.txt").symlink_to(outside / "file.txt")
    (folder / "folder").symlink_to(outside)
    (folder / "within.txt").symlink_to(folder / "real" / "file.txt")
    settings.STATICFILES_DIRS, settings.WHITENOISE_AUTOREFRESH = [folder], debug
    get_finder.cache_clear()
    try:
        found = {path: stranger().get(f"/static/{path}").status_code for path in LINKS}
    finally:
        get_finder.cache_clear()
    assert found == LINKS


LINKS = {"real/file.txt": 200, "within.txt": 200, "file.txt": 404, "folder/file.txt": 404}


@pytest.mark.parametrize(
    "path",
    ["/api/nothing", "/api/v1/nothing/", "/api/v2/formulas", "/api/", "/api/v1/../settings.py", "/api/v1/%2e%2e/admin/",
     "/api/v1/..%5cadmin", "/api/v1/%00", "/api/v1/index.html", "/api//v1/health", "/api/v1/formulas/%0d%0aX:%20y"],
)  # fmt: skip
def test_an_unknown_path_of_the_api_is_json_whatever_is_asked_for(path: str) -> None:
    for accept in ("text/html", "*/*", "application/xml"):
        response = stranger().get(path, headers={"Accept": accept})
        if path != "/api/":  # the service's own description
            assert fault_of(response, 401, 404) == "", path
        assert "html" not in response["Content-Type"]


def test_a_static_file_is_served_with_its_type() -> None:
    response = stranger().get("/static/admin/css/base.css")
    assert (response.status_code, response["Content-Type"].split(";")[0]) == (200, "text/css")
    for method in ("POST", "PUT", "DELETE"):
        assert stranger().generic(method, "/static/admin/css/base.css").status_code in {403, 404, 405}
