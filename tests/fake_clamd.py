"""A virus scanner's daemon on loopback: speaks as clamd does, and misbehaves when told to."""

import socket
import struct
import threading
from contextlib import suppress

SIGNATURE = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


class FakeClamd:
    """`mood`: well, stalls, drops, garbage, error, silent, too-large."""

    def __init__(self, mood: str = "well") -> None:
        self.mood = mood
        self.scanned: list[bytes] = []
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
        with client, client.makefile("rb") as incoming, suppress(OSError, struct.error):
            assert incoming.readline() == b"nINSTREAM\n"
            if self.mood == "drops":
                return
            content = b""
            while length := struct.unpack("!L", incoming.read(4))[0]:
                content += incoming.read(length)
            self.scanned.append(content)
            if self.mood == "stalls":
                threading.Event().wait(5)
            client.sendall(self._verdict(content))

    def _verdict(self, content: bytes) -> bytes:
        verdict = b"stream: Eicar-Test-Signature FOUND\n" if SIGNATURE in content else b"stream: OK\n"
        return {
            "garbage": b"\xff\xfe\x00 200 OK\n",
            "error": b"stream: Can't allocate memory ERROR\n",
            "silent": b"",
            "too-large": b"INSTREAM size limit exceeded. ERROR\n",
            "almost": b"stream: FOUNDOK\n",
        }.get(self.mood, verdict)
