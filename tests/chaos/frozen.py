"""A process that opens sockets and then stands still: `TOKEN=… python -m tests.chaos.frozen PORT COUNT`."""

import os
import signal
import socket
import sys


def main() -> None:
    port, count = int(sys.argv[1]), int(sys.argv[2])
    opened = [_opened(port, os.environ["TOKEN"]) for _ in range(count)]
    sys.stdout.write("open\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
    del opened


def _opened(port: int, token: str) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.sendall(
        f"GET /ws/notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    assert one.recv(4_096).startswith(b"HTTP/1.1 101 ")
    return one


if __name__ == "__main__":
    main()
