"""A browser's own half of push: the subscription it would have, and what it makes of a push that comes in."""

import base64
import json
import os
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import CDPSession, Page

from notifications.tests.fake_services import PUSH, FakeService
from tests.browser import wait_until

TRIES = 10  # a second apart
# A browser without a maker's push service behind it cannot subscribe: this much of it is played. What comes of it is
# kept by the page alone, as the browser would keep it.
SUBSCRIBE = """(subscription) => {
  let present = null;
  const made = () => ({ toJSON: () => subscription, unsubscribe: async () => { present = null; return true; } });
  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    if (!userVisibleOnly || typeof applicationServerKey !== 'string') throw new Error('not so');
    window.subscribedWith = applicationServerKey;
    return present = made();
  };
  PushManager.prototype.getSubscription = async () => present;
}"""


class PlayedPush:
    """The push side of `page`, which subscribes at `service`."""

    def __init__(self, page: Page, service: FakeService) -> None:
        self._page, self._service = page, service
        self._key, self._auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _encoded(point), "auth": _encoded(self._auth)}
        subscription = {"endpoint": service.url + PUSH, "expirationTime": None, "keys": keys}
        page.context.grant_permissions(["notifications"])
        page.add_init_script(f"({SUBSCRIBE})({json.dumps(subscription)})")
        self._line: CDPSession = page.context.new_cdp_session(page)
        self._registrations: list[str] = []
        self._line.on("ServiceWorker.workerRegistrationUpdated", self._registered)
        self._line.send("ServiceWorker.enable")

    def _registered(self, told: dict[str, Any]) -> None:
        self._registrations += [one["registrationId"] for one in told["registrations"] if not one["isDeleted"]]

    def received(self, number: int) -> dict[str, Any]:
        """What the push with this number says, from 0, once it has come."""
        wait_until(self._page, lambda: len(self._pushes()) > number, "no push has come")
        opened = http_ece.decrypt(
            self._pushes()[number], private_key=self._key, auth_secret=self._auth, version="aes128gcm"
        )
        return dict(json.loads(opened))

    def _pushes(self) -> list[bytes]:
        return [one.body for one in self._service.heard if one.path == PUSH]

    def hand_over(self, message: dict[str, Any]) -> None:
        """Let the worker have `message`, as the browser does with what it has decrypted."""
        wait_until(self._page, lambda: bool(self._registrations), "no worker is registered")
        self._line.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self._page.evaluate("location.origin"),
                "registrationId": self._registrations[-1],
                "data": json.dumps(message),
            },
        )

    def show(self, message: dict[str, Any]) -> None:
        """Hand `message` over until it is shown: the tools for developers lose one that comes while a worker starts."""
        for _ in range(TRIES):
            self.hand_over(message)
            for _ in range(20):
                if message["title"] in [one["title"] for one in self.shown()]:
                    return
                self._page.wait_for_timeout(50)
        raise AssertionError(f"{message['title']} is not shown")

    def shown(self) -> list[dict[str, Any]]:
        """The notifications that the browser shows."""
        return list(
            self._page.evaluate(
                "navigator.serviceWorker.ready.then((one) => one.getNotifications())"
                ".then((all) => all.map(({ title, body, data }) => ({ title, body, data })))"
            )
        )

    def press(self, title: str) -> None:
        """Press the notification with this title."""
        self._page.context.service_workers[0].evaluate(
            """async (title) => {
              const [notification] = (await registration.getNotifications()).filter((one) => one.title === title);
              self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
            }""",
            title,
        )


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
