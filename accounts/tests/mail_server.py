"""A mail server on loopback: takes mails, or answers as it is told to."""

import base64
import socketserver
import threading
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any


class Conversation(socketserver.StreamRequestHandler):
    """The least of SMTP that a client needs to hand over one message."""

    server: Any

    def handle(self) -> None:
        self.say("220 test ready")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            self.server.told.append(line)
            match verb.upper():
                case "EHLO":
                    self.say("250-test\r\n250 AUTH PLAIN")
                case "AUTH":
                    self.server.login = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")[1:]
                    self.say("235 in")
                case "RCPT" if self.server.recipient_answer:
                    self.say(self.server.recipient_answer)
                case "DATA":
                    self.say("354 go on")
                    self.server.messages.append(self.until_dot())
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 fine")

    def until_dot(self) -> str:
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        return "".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """`told` is every line it was told, `login` the name and password, `messages` the mails as they came.

    `recipient_answer` is what it says to every recipient, where it is not happy.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.told: list[str] = []
        self.messages: list[str] = []
        self.login: list[str] = []
        self.recipient_answer = ""

    def begin(self) -> None:
        """Serve on a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def mails(self) -> list[EmailMessage]:
        return [message_from_string(raw, policy=policy.default) for raw in self.messages]  # type: ignore[misc]
