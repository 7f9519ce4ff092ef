"""A mail server on loopback: takes mails, or answers a recipient as it is told to."""

import socketserver
import threading
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any


class _Conversation(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self.say("220 test ready")
        while line := self.rfile.readline().decode().strip():
            match line.partition(" ")[0].upper():
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
    """`recipient_answer` is what it says to every recipient, where it is not happy."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.messages: list[str] = []
        self.recipient_answer = ""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def mails(self) -> list[EmailMessage]:
        return [message_from_string(raw, policy=policy.default) for raw in self.messages]  # type: ignore[misc]
