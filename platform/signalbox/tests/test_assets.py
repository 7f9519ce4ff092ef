"""The viewer of the sockets' document: whole and unchanged, or not there at all, and nobody waits for it."""

import base64
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from signalbox import assets

PATH = f"/npm/@asyncapi/react-component/-/react-component-{assets.VERSION}.tgz"


class Registry(ThreadingHTTPServer):
    """An npm registry on loopback with one package, which it may change, withhold or sit on."""

    daemon_threads = True

    def __init__(self, package: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.package, self.status, self.silence = package, 200, threading.Event()
        self.silence.set()
        self.address = f"http://127.0.0.1:{self.server_port}/npm"


class _Answers(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.silence.wait(30)
        self.send_response(self.server.status if self.path == PATH else 404)
        self.send_header("Content-Length", str(len(self.server.package)))
        self.end_headers()
        self.wfile.write(self.server.package)

    def log_message(self, *words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A package with the files of the real one, each saying its own name."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for member in assets.FILES.values():
            entry = tarfile.TarInfo(member)
            entry.size = len(member)
            archive.addfile(entry, io.BytesIO(member.encode()))
    digest = base64.b64encode(hashlib.sha512(held.getvalue()).digest()).decode()
    monkeypatch.setattr(assets, "INTEGRITY", f"sha512-{digest}")
    return held.getvalue()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the files are put, on a machine that names no registry."""
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "static")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc"))
    monkeypatch.setattr("sys.argv", ["assets"])
    return tmp_path / "static"


@pytest.fixture
def registry(package: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    with Registry(package) as server:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", server.address)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.silence.set()
        server.shutdown()


def refused(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """What `main` says where it leaves nothing behind."""
    assets.main()
    assert not assets.is_there()
    assert not folder.exists()
    return capsys.readouterr().err


def test_the_files_are_those_of_the_package(registry: Registry, folder: Path) -> None:
    assets.main()
    assert assets.is_there()
    for name, member in assets.FILES.items():
        assert (folder / name).read_text() == member


def test_a_registry_is_found_in_the_file_that_npm_reads(
    registry: Registry, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    (tmp_path / "npmrc").write_text(f"fund=false\nregistry = {registry.address}/\n")
    assets.main()
    assert assets.is_there()


def test_a_package_can_be_brought_along(
    package: bytes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package.tgz").write_bytes(package)
    monkeypatch.setattr("sys.argv", ["assets", str(tmp_path / "package.tgz")])
    assets.main()
    assert assets.is_there()


def test_another_byte_and_nothing_is_served(
    registry: Registry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.package = registry.package[:-1] + b"!"
    assert "not @asyncapi/react-component" in refused(capsys, folder)


def test_where_no_registry_is_named_it_is_said_how_to_name_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "NPM_CONFIG_REGISTRY" in refused(capsys, folder)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_registry_that_refuses_is_no_fault(
    registry: Registry, folder: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    registry.status = status
    assert "cannot be reached" in refused(capsys, folder)


def test_a_registry_that_says_nothing_is_left(
    registry: Registry, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "SILENCE", 0.2)
    registry.silence.clear()
    assert "ReadTimeout" in refused(capsys, folder)


def test_a_package_without_end_is_left(
    registry: Registry, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "MOST_BYTES", 100)
    assert "too much" in refused(capsys, folder)


def test_an_address_that_is_none_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("http://127.0.0.1:1", "https://[", "ftp://host", "nonsense"):
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
        assert refused(capsys, folder)
