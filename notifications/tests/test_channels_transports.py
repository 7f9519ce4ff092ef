"""Every transport hands over what its service documents, and tells a service that is down from one that refuses."""

import base64
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import apprise
import http_ece
import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core import mail

from accounts.tests.mail_server import MailServer
from kernel import clock, outgoing
from kernel.errors import Invalid
from notifications.channels import REGISTRY, DeliveryFailed, Letter, Transport, Values, find_transport
from notifications.channels.apprise import SCHEMES, service_of
from notifications.channels.webpush import decoded, public_key
from notifications.tests.fake_services import DISCORD, PUSH, SLACK, WEBHOOK, FakeService, Heard, Mood

LETTER = Letter(
    id="0123456789abcdef0123456789abcdef",
    kind="notification",
    title="BUY AAPL at 10 <!channel>\r\nBcc: x@example.com",
    text="Because & so on.\n@everyone",
    sent_at="2026-01-01T00:00:00Z",
    priority="critical",
    data={"id": "6a204bd8-9f5f-4b6c-a2a1-0f6f9f1f7c55", "title": "BUY", "seq": 7},
    url="https://box.example.com",
    answer_url="https://box.example.com/notifications/answer/abc",
)


class TransportPromises(ABC):
    """What every transport promises; each has a class of its own below."""

    key: str
    gone_status = 0

    @property
    def transport(self) -> Transport:
        found = find_transport(self.key)
        assert found
        return found

    @abstractmethod
    def config(self, service: FakeService) -> dict[str, Any]:
        """What its owner enters."""

    def values(self, service: FakeService) -> Values:
        return self.transport.clean(self.config(service)) | self.transport.new_secrets()

    def failure(self, service: FakeService, mood: Mood) -> DeliveryFailed:
        values = self.values(service)
        service.mood = mood
        with pytest.raises(DeliveryFailed) as caught:
            self.transport.send(values, LETTER)
        for one in self.transport.fields:
            if one.is_secret:
                assert values[one.name] not in caught.value.reason
        return caught.value

    def test_it_is_called_as_it_is_registered(self) -> None:
        assert (self.transport.key, self.transport.label) == (self.key, REGISTRY[self.key][0])

    def test_its_address_tells_it_apart_and_holds_no_secret(self, service: FakeService) -> None:
        values = self.values(service)
        address = self.transport.address(values)
        assert address
        for name, value in values.items():
            if name not in {one.name for one in self.transport.fields if not one.is_secret}:
                assert value not in address

    def test_a_letter_is_taken(self, service: FakeService) -> None:
        self.transport.send(self.values(service), LETTER)
        (heard,) = service.heard
        self.look_at(heard, service)

    @abstractmethod
    def look_at(self, heard: Heard, service: FakeService) -> None:
        """Whether what came is what the service documents."""

    @pytest.mark.parametrize("status", [500, 502, 503, 408])
    def test_a_service_that_is_broken_is_asked_again(self, service: FakeService, status: int) -> None:
        assert not self.failure(service, Mood(status, body=b"<html>oops</html>")).is_permanent

    def test_a_service_that_is_busy_says_how_long_to_wait(self, service: FakeService) -> None:
        failure = self.failure(service, Mood(429, {"Retry-After": "17"}, b"{}"))
        assert (failure.is_permanent, failure.retry_after) == (False, 17)

    def test_a_connection_that_breaks_is_tried_again(self, service: FakeService) -> None:
        assert not self.failure(service, Mood(what="reset")).is_permanent

    def test_no_redirect_is_followed(self, service: FakeService) -> None:
        inside = {"Location": f"{service.url}/inside"}
        self.failure(service, Mood(302, inside, b""))
        self.failure(service, Mood(307, inside, b""))
        assert "/inside" not in [one.path for one in service.heard]

    def test_an_answer_without_end_is_not_read_to_its_end(self, service: FakeService) -> None:
        assert not self.failure(service, Mood(what="endless")).is_permanent
        assert service.poured < 20 * outgoing.LARGEST_ANSWER

    @pytest.mark.parametrize("what", ["hang", "drip"])
    def test_a_service_that_never_ends_its_answer_is_left(
        self, service: FakeService, what: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outgoing, "ANSWER_WITHIN", 0.3)
        began = clock.monotonic()
        assert not self.failure(service, Mood(what=what)).is_permanent
        assert clock.monotonic() - began < 3

    def test_an_address_that_became_private_is_refused_at_its_next_use(
        self, service: FakeService, settings: Any
    ) -> None:
        values = self.values(service)
        settings.OUTGOING_PRIVATE_HOSTS = frozenset()
        with pytest.raises(DeliveryFailed) as caught:
            self.transport.send(values, LETTER)
        assert caught.value.is_permanent
        assert service.heard == []

    def test_one_that_is_gone_is_said_to_be(self, service: FakeService) -> None:
        assert self.failure(service, Mood(self.gone_status, body=b"{}")).is_gone


class TestWebhook(TransportPromises):
    key = "webhook"
    gone_status = 410

    def config(self, service: FakeService) -> dict[str, Any]:
        return {"url": service.url + WEBHOOK}

    def look_at(self, heard: Heard, service: FakeService) -> None:
        assert heard.json == {
            "id": LETTER.id, "type": "notification", "timestamp": LETTER.sent_at, "data": LETTER.data,
        }  # fmt: skip
        assert heard.headers["webhook-id"] == LETTER.id
        assert heard.headers["content-type"] == "application/json"

    def test_the_signature_covers_the_id_the_time_and_every_byte(self, service: FakeService) -> None:
        values = self.values(service)
        self.transport.send(values, LETTER)
        (heard,) = service.heard
        key = base64.b64decode(values["secret"].removeprefix("whsec_"))
        timestamp = heard.headers["webhook-timestamp"]
        said = f"{LETTER.id}.{timestamp}.".encode() + heard.body
        expected = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
        assert heard.headers["webhook-signature"] == f"v1,{expected}"
        assert abs(int(timestamp) - clock.now().timestamp()) < 5

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    def test_a_receiver_in_the_middle_of_an_upgrade_is_asked_again(self, service: FakeService, status: int) -> None:
        assert not self.failure(service, Mood(status)).is_permanent


class TestWebPush(TransportPromises):
    key = "webpush"
    gone_status = 410
    browser = ec.generate_private_key(ec.SECP256R1())
    auth = bytes(range(16))

    def config(self, service: FakeService) -> dict[str, Any]:
        point = self.browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encoded(point), "auth": encoded(self.auth)}
        return {"endpoint": service.url + PUSH, "expirationTime": None, "keys": keys}

    def look_at(self, heard: Heard, service: FakeService) -> None:
        """As a browser and its push service would."""
        opened = http_ece.decrypt(heard.body, private_key=self.browser, auth_secret=self.auth, version="aes128gcm")
        assert json.loads(opened) == {
            "id": LETTER.id, "kind": "notification", "notification_id": LETTER.data["id"], "title": LETTER.line,
            "body": LETTER.text,
            "priority": "critical", "url": LETTER.answer_url,
        }  # fmt: skip
        assert len(heard.body) < 4096
        assert (heard.headers["content-encoding"], heard.headers["urgency"]) == ("aes128gcm", "high")
        assert int(heard.headers["ttl"]) > 0
        scheme, _, parts = heard.headers["authorization"].partition(" ")
        proof = dict(part.strip().split("=", 1) for part in parts.split(","))
        assert (scheme, proof["k"]) == ("vapid", public_key())
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(proof["k"]))
        claims = jwt.decode(proof["t"], key, algorithms=["ES256"], audience=service.url)
        assert 0 < claims["exp"] - clock.now().timestamp() <= 24 * 3600
        assert claims["sub"].startswith(("mailto:", "https://"))

    def test_the_longest_notification_still_fits(self, service: FakeService) -> None:
        long = Letter(id="x", kind="notification", title="€" * 200, text="€" * 10_000, sent_at="")
        self.transport.send(self.values(service), long)
        assert len(service.heard[0].body) <= 4096

    def test_an_endpoint_that_nobody_knows_is_gone(self, service: FakeService) -> None:
        assert self.failure(service, Mood(404)).is_gone


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TestTelegram(TransportPromises):
    key = "telegram"
    gone_status = 403
    token = "123456:" + "a" * 35

    def config(self, service: FakeService) -> dict[str, Any]:
        return {"bot_token": self.token, "chat_id": "-100123"}

    def look_at(self, heard: Heard, service: FakeService) -> None:
        assert heard.path == f"/bot{self.token}/sendMessage"
        assert heard.json["chat_id"] == "-100123"
        assert heard.json["text"] == f"{LETTER.line}\n\n{LETTER.text}"
        assert "parse_mode" not in heard.json
        (row,) = heard.json["reply_markup"]["inline_keyboard"]
        assert row == [{"text": "Answer", "url": LETTER.answer_url}]

    def test_its_own_way_to_ask_for_patience_is_understood(self, service: FakeService) -> None:
        said = {"ok": False, "error_code": 429, "description": "Too Many", "parameters": {"retry_after": 5}}
        failure = self.failure(service, Mood(429, body=json.dumps(said).encode()))
        assert (failure.is_permanent, failure.retry_after) == (False, 5)

    def test_a_chat_that_blocked_the_bot_is_gone_and_says_so(self, service: FakeService) -> None:
        said = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
        failure = self.failure(service, Mood(403, body=json.dumps(said).encode()))
        assert failure.is_gone
        assert "blocked by the user" in failure.reason


class TestSlack(TransportPromises):
    key = "slack"
    gone_status = 410

    def config(self, service: FakeService) -> dict[str, Any]:
        return {"webhook_url": service.url + SLACK}

    def look_at(self, heard: Heard, service: FakeService) -> None:
        assert "BUY AAPL at 10 &lt;!channel&gt;" in heard.json["text"]
        assert "Because &amp; so on." in heard.json["text"]

    def test_a_message_that_slack_refuses_is_not_sent_again(self, service: FakeService) -> None:
        assert self.failure(service, Mood(400, body=b"invalid_payload")).is_permanent


class TestDiscord(TransportPromises):
    key = "discord"
    gone_status = 404

    def config(self, service: FakeService) -> dict[str, Any]:
        return {"webhook_url": service.url + DISCORD}

    def look_at(self, heard: Heard, service: FakeService) -> None:
        assert heard.json["content"].startswith(LETTER.line)
        assert heard.json["allowed_mentions"] == {"parse": []}

    def test_its_own_way_to_ask_for_patience_is_understood(self, service: FakeService) -> None:
        failure = self.failure(service, Mood(429, body=b'{"message": "slow", "retry_after": 0.65, "global": false}'))
        assert failure.retry_after == 0.65


class TestNtfy(TransportPromises):
    key = "ntfy"
    gone_status = 410

    def config(self, service: FakeService) -> dict[str, Any]:
        return {"server": service.url, "topic": "mine", "token": "tk_abc"}

    def look_at(self, heard: Heard, service: FakeService) -> None:
        assert heard.headers["authorization"] == "Bearer tk_abc"
        assert heard.json == {
            "topic": "mine", "title": LETTER.line, "message": LETTER.text, "priority": 5, "click": LETTER.url,
        }  # fmt: skip


class TestEmail:
    """Mail has a protocol of its own, and an address that we send to through our own server alone."""

    def test_a_mail_arrives_whole_with_an_id_that_stays(self, mail_server: MailServer) -> None:
        values = transport("email").clean({"address": "Ann@Example.com"})
        transport("email").send(values, LETTER)
        transport("email").send(values, LETTER)
        first, again = mail_server.mails()
        assert first["To"] == "Ann@Example.com"
        assert first["Subject"] == LETTER.line
        assert first["Bcc"] is None
        assert first["Message-ID"] == again["Message-ID"]
        assert LETTER.id in first["Message-ID"]
        assert LETTER.answer_url in first.get_content()

    @pytest.mark.parametrize(("code", "is_permanent"), [(550, True), (450, False), (421, False)])
    def test_an_address_that_is_refused_for_good_is_told_from_one_to_try_again(
        self, mail_server: MailServer, code: int, is_permanent: bool
    ) -> None:
        mail_server.recipient_answer = f"{code} no"
        with pytest.raises(DeliveryFailed) as caught:
            transport("email").send({"address": "ann@example.com"}, LETTER)
        assert caught.value.is_permanent == is_permanent

    def test_a_server_that_is_not_there_is_tried_again(self, settings: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        with pytest.raises(DeliveryFailed) as caught:
            transport("email").send({"address": "ann@example.com"}, LETTER)
        assert not caught.value.is_permanent

    def test_a_providers_api_takes_the_same_mail_and_its_refusal_is_tried_again(
        self, service: FakeService, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "t0ken", "POSTMARK_API_URL": f"{service.url}/"}
        taken = {"ErrorCode": 0, "Message": "OK", "MessageID": "1", "To": "ann@example.com"}
        service.mood = Mood(200, {"Content-Type": "application/json"}, json.dumps(taken).encode())
        transport("email").send({"address": "ann@example.com"}, LETTER)
        assert (service.heard[0].json["To"], service.heard[0].json["Subject"]) == ("ann@example.com", LETTER.line)
        service.mood = Mood(500, body=b"t0ken")
        with pytest.raises(DeliveryFailed) as caught:
            transport("email").send({"address": "ann@example.com"}, LETTER)
        assert (caught.value.reason, caught.value.is_permanent) == ("The mail service answered 500.", False)

    def test_what_goes_out_through_another_backend_is_the_same(self) -> None:
        transport("email").send({"address": "ann@example.com"}, LETTER)
        assert mail.outbox[0].extra_headers["Auto-Submitted"] == "auto-generated"


def transport(key: str) -> Transport:
    found = find_transport(key)
    assert found
    return found


# One good address for each service, and what somebody would try in order to choose the host.
APPRISE = {
    "clicksend": "clicksend://user:key@15551231234/",
    "ifttt": "ifttt://webhookid@event/",
    "join": "join://" + "a" * 32 + "/",
    "line": "line://" + "a" * 40 + "/U123/",
    "pagerduty": "pagerduty://" + "a" * 32 + "@" + "b" * 32 + "/",
    "pbul": "pbul://" + "a" * 32,
    "plivo": "plivo://" + "a" * 25 + "@" + "b" * 40 + "/15551231234/15551231235",
    "pover": "pover://" + "u" * 30 + "@" + "t" * 30,
    "prowl": "prowl://" + "a" * 40,
    "pushed": "pushed://" + "a" * 32 + "/" + "b" * 64,
    "pushy": "pushy://" + "a" * 64 + "/@device",
    "signl4": "signl4://" + "a" * 10,
    "threema": "threema://*ABCDEFG@secret/15551231234",
    "twilio": "twilio://AC" + "a" * 32 + ":" + "b" * 32 + "@15551231234/15551231235",
    "vonage": "vonage://" + "a" * 8 + ":" + "b" * 16 + "@15551231234/15551231235",
    "whatsapp": "whatsapp://" + "a" * 40 + "@123456/15551231234",
    "wxteams": "wxteams://" + "a" * 80,
}
TRICKS = ["?host=127.0.0.1", "?region=127.0.0.1", "?verify=no&redirect=yes&cto=500&rto=500", "?url=http://127.0.0.1/"]
HOSTS = {
    "rest.clicksend.com", "maker.ifttt.com", "joinjoaomgcd.appspot.com", "api.line.me",
    "events.pagerduty.com", "api.pushbullet.com", "api.plivo.com", "api.pushover.net", "api.prowlapp.com",
    "api.pushed.co", "api.pushy.me", "connect.signl4.com", "msgapi.threema.ch", "api.twilio.com",
    "rest.nexmo.com", "graph.facebook.com", "api.ciscospark.com",
}  # fmt: skip


class TestApprise:
    """apprise connects by itself, so what counts is where: to the service's own host, whatever the address says."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        """Where it would have connected, with which options."""
        asked: list[tuple[str, dict[str, Any]]] = []

        def send(session: Any, request: Any, **options: Any) -> Any:
            asked.append((request.url, options))
            raise requests.ConnectionError

        monkeypatch.setattr(requests.Session, "send", send)
        return asked

    @pytest.mark.parametrize("scheme", sorted(SCHEMES))
    def test_nothing_in_an_address_chooses_the_host(self, scheme: str, asked: list[Any]) -> None:
        for trick in ["", *TRICKS]:
            try:
                values = transport("apprise").clean({"url": APPRISE[scheme] + trick})
            except Invalid:
                assert trick, "the good address is taken"
                continue
            with pytest.raises(DeliveryFailed) as caught:
                transport("apprise").send(values, LETTER)
            assert not caught.value.is_permanent
        assert asked, "it would have connected"
        for url, options in asked:
            parts = requests.utils.urlparse(url)
            assert (parts.scheme, parts.hostname in HOSTS) == ("https", True), url
            assert options["verify"]
            assert options["allow_redirects"] is False
            assert max(options["timeout"]) <= 10

    @pytest.mark.parametrize("trick", ["?retry=10&wait=20", "?overflow=split", "?rto=600&cto=600"])
    def test_one_message_is_one_request(self, trick: str, asked: list[Any]) -> None:
        values = transport("apprise").clean({"url": APPRISE["pover"] + trick})
        with pytest.raises(DeliveryFailed):
            transport("apprise").send(values, replace(LETTER, text="long " * 1_000))
        [(_, options)] = asked
        assert max(options["timeout"]) <= 10

    @pytest.mark.parametrize("scheme", ["clicksend", "plivo", "twilio"])
    def test_an_address_names_one_receiver(self, scheme: str) -> None:
        transport("apprise").clean({"url": APPRISE[scheme]})
        with pytest.raises(Invalid):
            transport("apprise").clean({"url": APPRISE[scheme].rstrip("/") + "/15550000001/15550000002"})

    def test_only_the_listed_services_can_be_named(self) -> None:
        for url in ("json://example.com", "xml://example.com", "form://example.com", "mailto://a:b@example.com",
                    "gotify://example.com/token", "matrix://example.com", "syslog://", "dbus://", "file:///etc/passwd",
                    "POVER://x", "pover://", "pover:127.0.0.1", "apprise://example.com/token"):  # fmt: skip
            with pytest.raises(Invalid):
                transport("apprise").clean({"url": url})

    def test_every_listed_service_is_one_that_apprise_has(self) -> None:
        assert set(APPRISE) == set(SCHEMES)
        assert all(isinstance(service_of(url), apprise.NotifyBase) for url in APPRISE.values())
