"""The viewer of the sockets' document: too big for the repository, so it is fetched once, checked, and served by us.

`python -m signalbox.assets` asks the npm registry that this machine is set up for, `… FILE` takes the package from a
file. Without Django, since it runs while everything is being set up. What cannot be had is said and is no fault: the
page then links the document itself.
"""

import base64
import gzip
import hashlib
import io
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import httpx

NAME, VERSION = "@asyncapi/react-component", "3.2.1"
# Of the package as its makers published it, in npm's own form: another byte, and nothing of it is served.
INTEGRITY = "sha512-k5ZqJd6+oxYaQ2o6F3rGWJ1MTIjXdpsUYB3NKQbVqr4yzrN0Ovj5c7eZx8NGd3wfKPhbOrLREtYl9K2OPfnSsA=="
URL = f"/static/asyncapi/{VERSION}"
FOLDER = Path(__file__).resolve().parents[2] / "web" / URL.removeprefix("/")
SCRIPT = "viewer.js"
FILES = {
    SCRIPT: "package/browser/standalone/index.js",
    "viewer.css": "package/styles/default.min.css",
    "LICENSE": "package/LICENSE",
    "THIRD-PARTY.txt": "package/browser/standalone/index.js.LICENSE.txt",
}
MOST_BYTES = 20_000_000
WITHIN, SILENCE = 60.0, 10.0  # seconds


class Unavailable(Exception):
    """The package cannot be had; the argument says why."""


def is_there() -> bool:
    """Whether the viewer has been fetched."""
    return (FOLDER / SCRIPT).exists()


def fetch(source: Path | None = None) -> None:
    """Put the viewer into the static files, from the registry or from the package in `source`; raises `Unavailable`."""
    package = source.read_bytes() if source else _download(_registry())
    digest = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
    if digest != INTEGRITY:
        raise Unavailable(f"what came is not {NAME} {VERSION} as it was published")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        # The script last: its presence says that all of them are there.
        for name, member in reversed(FILES.items()):
            file = archive.extractfile(member)
            assert file is not None, member  # noqa: S101  the digest says what is in it
            _write(name, file.read())


def _write(name: str, content: bytes) -> None:
    for suffix, body in ((".gz", gzip.compress(content)), ("", content)):
        part = FOLDER / f"{name}{suffix}.part"
        part.write_bytes(body)
        part.replace(FOLDER / f"{name}{suffix}")


def _registry() -> str:
    """The address of the registry, from where npm looks as well: the environment, its file, or npm's own default."""
    named = {name.lower(): value for name, value in os.environ.items()}.get("npm_config_registry") or _in_file()
    if not named and (npm := shutil.which("npm")):
        asked = subprocess.run(  # noqa: S603  the program of that name on the path
            [npm, "config", "get", "registry"], capture_output=True, text=True, timeout=SILENCE, check=False
        )
        named = asked.stdout.strip()
    if not named.startswith(("https://", "http://")):
        raise Unavailable("no npm registry is named: set NPM_CONFIG_REGISTRY to the address of one")
    return named.rstrip("/")


def _in_file() -> str:
    path = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    values = [
        value.strip() for name, equals, value in (line.partition("=") for line in lines) if name.strip() == "registry"
    ]
    return values[-1] if values else ""


def _download(registry: str) -> bytes:
    address = f"{registry}/{NAME}/-/{NAME.rpartition('/')[2]}-{VERSION}.tgz"
    deadline, package = time.monotonic() + WITHIN, b""
    try:
        with httpx.stream(
            "GET", address, follow_redirects=True, timeout=SILENCE, verify=ssl.create_default_context()
        ) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                package += chunk
                if len(package) > MOST_BYTES or time.monotonic() > deadline:
                    raise Unavailable("the registry sends too much, or too slowly")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"the npm registry cannot be reached: {type(error).__name__}") from None
    return package


def main() -> None:
    try:
        if not is_there():
            fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    except (Unavailable, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"The page of the sockets' document will do without its viewer: {error}\n")


if __name__ == "__main__":
    main()
