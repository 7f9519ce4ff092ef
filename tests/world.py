"""A small world of people and things to aim operations at."""

import re
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.factors import codes
from accounts.models import Company, KycDocument, KycSubmission, User
from datafeed.models import Bar, Instrument, Series
from formulas import services as formulas
from formulas.models import (
    Backtest,
    Deployment,
    Formula,
    Publication,
    PublishedSymbol,
    Review,
    Signal,
    Subscription,
    Sweep,
)
from kernel.models import Job
from notifications import services as notifications
from notifications.models import Channel, Notification
from notifications.services.channels import mark_verified
from tests.surface import V1, Operation

PASSWORD = "correct horse battery"
CODE = "if crossover(close, sma(close, 3)): buy()"
SECRET = "n = param(14, min=2, max=50)\nif rsi(close, n) < 29.137: buy()"
OUR_APPS = {"kernel", "accounts", "datafeed", "formulas", "portfolio", "notifications"}
DAY, FIRST_DAY = 86_400, 978_307_200

# What no body alone can make succeed: it takes a mail, a device or a file that is looked into.
NEEDS_MORE = {
    "POST /auth/email/confirm",
    "POST /auth/invitations/accept",
    "POST /auth/kyc/upload",
    "POST /auth/login/passkey/complete",
    "POST /auth/mfa/totp/confirm",
    "POST /auth/mfa/webauthn/confirm",
    "POST /auth/password/reset/confirm",
}
BROADCASTS = {
    "POST /broadcast/company/{company}",
    "POST /broadcast/company/{company}/role/{role}",
    "POST /broadcast/role/{role}",
}


class World:
    """Ann and what is hers, Cat whose formula Ann reviews, and people of every other kind who own nothing.

    Everything of Ann's that can hold text holds the word `annsown`.
    """

    def __init__(self) -> None:
        self.company = Company.objects.create(slug="acme", name="Acme")
        other = Company.objects.create(slug="rival", name="Rival")
        self.people = {
            "ann": self._person("ann", company=self.company),
            "cat": self._person("cat"),
            "ben": self._person("ben"),
            "colleague": self._person("colleague", company=self.company),
            "company_admin": self._person("boss", company=self.company, role="company_admin"),
            "rival": self._person("rival", company=other, role="company_admin"),
            "reviewer": self._person("reviewer", role="reviewer"),
            "operator": self._person("operator", role="operator"),
            "admin": self._person("admin", role="admin"),
        }
        self._tokens: dict[str, str] = {}
        self.ann = self.people["ann"]
        self.instrument = _instrument("ACME")
        self.spare = _instrument("SPARE")
        self.public: Formula = formulas.create_formula(
            author=self.people["cat"], name="Open to all", formula_code=CODE, is_public=True
        )
        self.private: Formula = formulas.create_formula(
            author=self.ann, name="annsown", formula_code=SECRET, description="annsown", tags=["annsown"],
            category="annsown", is_public=False,
        )  # fmt: skip
        self.deployment: Deployment = formulas.deploy_formula(
            formula=self.private, instrument=self.instrument, resolution="1D"
        )
        self.signal = self._signal()
        self.backtest = self._backtest()
        self.sweep = self._sweep()
        self.publication = self._publication()
        self.subscription = Subscription.objects.create(user=self.ann, formula=self.public)
        self.own_subscription = Subscription.objects.create(user=self.ann, formula=self.private)
        self.review = Review.objects.create(user=self.ann, formula=self.public, rating=4, comment="good")
        self.notification: Notification = notifications.notify_user(
            user_id=self.ann.pk, type="info", title="annsown", message="annsown"
        )
        self.channel = self._channel()
        self.invitation, _ = accounts.invite(
            company=self.company, email="annsown@example.com", invited_by=self.people["company_admin"]
        )
        self.job = Job.objects.create(owner=self.ann, kind="test", message="annsown")
        self.exported = self._exported()
        self.token("ann")
        self.session = self.ann.sessions.get()
        self.key, _ = accounts.create_api_key(user=self.ann, name="annsown", scopes=["read"])
        self.factor = codes.activate_totp(self.ann, codes.new_secret(), 1)
        self.document = self._document()

    @staticmethod
    def _person(username: str, **fields: Any) -> User:
        user = accounts.register_user(email=f"{username}@example.com", username=username, password=PASSWORD, **fields)
        notifications.sync_memberships(user_id=user.pk)
        return user

    def _signal(self) -> Signal:
        return Signal.objects.create(
            deployment=self.deployment, formula=self.private, version=self.private.version,
            instrument=self.instrument, resolution="1D", side="buy", action="buy", price=Decimal(10),
            bar_time=FIRST_DAY, closed_at=FIRST_DAY + DAY, reason=[{"expression": "annsown", "value": 1}],
        )  # fmt: skip

    def _backtest(self) -> Backtest:
        trade = {
            "side": "long", "entry_time": FIRST_DAY, "exit_time": None, "entry_price": 10.0, "exit_price": None,
            "size": 1.0, "pnl": 0.0, "fees": 0.0, "ending": None,
        }  # fmt: skip
        return Backtest.objects.create(
            owner=self.ann, formula=self.private, version=self.private.version, instrument=self.instrument,
            resolution="1D", initial_capital=10_000, fee_bps=5, slippage_bps=2, parameters={"annsown": 1.0},
            metrics={"annsown": 1.0}, outcome={"curve": [[FIRST_DAY, 1.0, 0.0, 1.0]], "trades": [trade]},
        )  # fmt: skip

    def _sweep(self) -> Sweep:
        return Sweep.objects.create(
            owner=self.ann, formula=self.private, version=self.private.version, instrument=self.instrument,
            resolution="1D", initial_capital=10_000, fee_bps=5, slippage_bps=2, kind="sweep", points=[{"annsown": 1.0}],
            result={"best": 0, "metrics": [{"annsown": 1.0}], "bars": 5},
        )  # fmt: skip

    def _publication(self) -> Publication:
        published = Publication.objects.create(
            formula=self.private, version=self.private.version, version_hash="a" * 64, canonical_hash="b" * 64,
            resolution="1D", fee_bps=5, slippage_bps=2, published_at=FIRST_DAY, is_verified=False, head="c" * 64,
        )  # fmt: skip
        PublishedSymbol.objects.create(publication=published, instrument=self.instrument, deployment=self.deployment)
        return published

    def _channel(self) -> Channel:
        channel, _ = notifications.create_channel(
            user=self.ann, kind="webhook", name="annsown", config={"url": "https://8.8.8.8/annsown"}
        )
        mark_verified(channel=channel)
        return channel

    def _exported(self) -> Job:
        name = default_storage.save("exports/annsown", ContentFile(b"time,open,high,low,close,volume"))
        told = {"stored_as": name, "symbol": "ACME", "resolution": "1D", "format": "csv"}
        return Job.objects.create(owner=self.ann, kind="datafeed.export", status="succeeded", result=told)

    def _document(self) -> KycDocument:
        submission = KycSubmission.objects.create(user=self.ann, version=1, status="pending")
        return KycDocument.objects.create(
            submission=submission, document_type="passport", filename="annsown.png", content_type="image/png", size=1,
            sha256="0" * 64, kept_size=1, storage_key="kyc/x", wrapped_key=b"", verdict="clean",
        )  # fmt: skip

    def token(self, name: str) -> str:
        """An access token of a real sign-in, the same for each of a person's requests."""
        if name not in self._tokens:
            self._tokens[name] = accounts.sign_in(login=self.people[name].username, password=PASSWORD).access_token
        return self._tokens[name]

    def client(self, name: str | None, **options: Any) -> APIClient:
        """A client that brings the person's token; a stranger's where there is no name."""
        client = APIClient(raise_request_exception=False, **options)
        if name:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token(name)}")
        return client

    def target(self, path: str) -> dict[str, str]:
        """The path parameters that make `path` that of something of Ann's."""
        by_kind = {
            "backtests": self.backtest, "deployments": self.deployment, "formulas": self.private,
            "instruments": self.spare, "jobs": self.job,
            "notifications": self.notification, "reviews": self.review, "signals": self.signal, "sweeps": self.sweep,
        }  # fmt: skip
        found = {
            "id": getattr(by_kind.get(path.split("/")[1]), "pk", None),
            "formula_id": (
                self.private if path.startswith("/reviews/formula/") or path.endswith("/status") else self.public
            ).pk,
            "symbol": self.instrument.symbol,
            "slug": self.company.slug,
            "company": self.company.slug,
            "role": "user",
            "user_id": self.people["colleague"].pk,
            "session_id": self.session.pk,
            "key_id": self.key.pk,
            "factor_id": self.factor.pk,
            "document_id": self.document.pk,
            "invitation_id": self.invitation.pk,
            "job_id": self.exported.pk,
        }
        if path.startswith("/notifications/channels"):
            found["id"] = self.channel.pk
        return {name: str(found[name]) for name in re.findall(r"{(\w+)}", path)}

    def url(self, operation: Operation, prefix: str = V1) -> str:
        return prefix + operation.path.format(**self.target(operation.path))

    def body(self, operation: Operation) -> dict[str, Any] | None:
        """A body that the operation accepts from Ann (an operator's operation from an operator)."""
        if not operation.properties:
            return None
        return dict(self._bodies()[operation.name])

    def _bodies(self) -> dict[str, dict[str, Any]]:
        formula = {"name": "New", "description": "d", "formula_code": CODE, "category": "trend", "tags": ["a"]}
        instrument = {
            "symbol": "NEW", "name": "New", "exchange": "NYSE", "type": "stock", "currency": "USD",
            "price_increment": 0.01, "lot_size": 1, "session": "0930-1600", "timezone": "America/New_York",
            "is_active": True,
        }  # fmt: skip
        notification = {
            "type": "info", "priority": "low", "title": "t", "message": "m", "source": "s", "symbol": "ACME",
            "topic": "x", "confidence_score": 50, "urgency_score": 50, "promise_score": 50, "data": {"a": 1},
        }  # fmt: skip
        envelope = {
            "id": "notif_1", "type": "notification",
            "payload": {"id": "notif_1", "title": "t", "message": "m", "type": "info", "data": {"topic": "x"}},
        }  # fmt: skip
        sweep = {
            "symbol": "ACME", "resolution": "1D", "initial_capital": 5000, "fee_bps": 1, "slippage_bps": 1,
            "parameters": {"n": [2, 3, 4]}, "count": 2, "seed": 1,
            "from": "2001-01-01T00:00:00Z", "to": "2001-01-05T00:00:00Z",
        }  # fmt: skip
        return {
            "POST /auth/api-keys": {"name": "bot", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00Z"},
            "POST /auth/email/confirm": {"token": "x"},
            "POST /auth/invitations/accept": {"token": "x"},
            "POST /auth/kyc/upload": {"documents": [{"document_type": "passport", "filename": "a", "content": "AAAA"}]},
            "POST /auth/login": {
                "email": "cat@example.com", "username": "cat", "password": PASSWORD, "code": "1",
            },
            "POST /auth/login/passkey/complete": {"challenge": "x", "credential": {}},
            "POST /auth/mfa/totp/confirm": {"code": "1"},
            "POST /auth/mfa/webauthn/confirm": {"challenge": "x", "credential": {}, "name": "x"},
            "PATCH /auth/me": {"username": "ann", "first_name": "Ann", "last_name": "A"},
            "POST /auth/password/change": {"current_password": PASSWORD, "new_password": "another fine horse"},
            "POST /auth/password/reset": {"email": "ann@example.com"},
            "POST /auth/password/reset/confirm": {"token": "x", "password": "another fine horse"},
            "POST /auth/reauthenticate": {"password": PASSWORD},
            "POST /auth/refresh": {"refresh_token": self.fresh_refresh_token()},
            "POST /auth/register": {"email": "n@example.com", "username": "new", "password": "another fine horse"},
            **dict.fromkeys(BROADCASTS, envelope),
            "POST /notifications/send": {"title": "t", "message": "m", "priority": "low", "topic": "x"},
            "POST /companies/{slug}/invitations": {"email": "n@example.com", "role": "user"},
            "POST /companies/{slug}/members": {"user_id": self.people["cat"].pk, "role": "user"},
            "POST /datafeed/export": {
                "symbol": "ACME", "resolution": "1D", "since": 0, "until": 2000000000, "format": "csv",
            },
            "POST /datafeed/quotes": {"symbols": ["ACME"]},
            "POST /deployments": {
                "formula_id": self.private.pk, "symbol": "SPARE", "resolution": "1D", "parameters": {},
            },
            "PATCH /deployments/{id}": {"status": "paused"},
            "POST /formulas": {**formula, "is_public": False},
            "PUT /formulas/{id}": {**formula, "is_public": False},
            "PATCH /formulas/{id}": {**formula, "is_public": False},
            "POST /formulas/{id}/backtest": {
                "symbol": "ACME", "symbols": ["SPARE"], "resolution": "1D", "initial_capital": 5000, "fee_bps": 1,
                "slippage_bps": 1, "parameters": {}, "from": "2001-01-01T00:00:00Z", "to": "2001-01-05T00:00:00Z",
            },
            "POST /formulas/preview": {
                "formula_code": CODE, "symbol": "ACME", "resolution": "1D", "bars": 5, "parameters": {},
            },
            "POST /formulas/{id}/publish": {
                "symbols": ["ACME"], "resolution": "1D", "costs": {"fee_bps": 6, "slippage_bps": 3},
            },
            "POST /formulas/{id}/sweep": sweep,
            "POST /formulas/{id}/walk-forward": {**sweep, "folds": 2},
            "POST /formulas/validate": {"formula_code": CODE},
            "POST /instruments": instrument,
            "PUT /instruments/{id}": instrument,
            "PATCH /instruments/{id}": instrument,
            "POST /notifications": {**notification, "user_id": self.ann.pk},
            "POST /notifications/channels": {
                "kind": "email", "name": "n", "config": {"address": "n@example.com"},
            },
            "PATCH /notifications/channels/{id}": {
                "name": "n", "is_enabled": True, "config": {"url": "https://8.8.8.8/other"},
            },
            "POST /notifications/channels/{id}/verify": {"code": "x"},
            "PUT /notifications/preferences": {
                "default": {"min_priority": "low"}, "types": {"kyc": {"channels": ["in_app"]}},
            },
            "PATCH /notifications/{id}": {"read": True, "response": "accept", "response_action": "accept"},
            "POST /notifications/{id}/respond": {"response": "accept", "note": "n"},
            "POST /portfolio/positions": {
                "symbol": "ACME", "quantity": 2, "average_price": 10.5, "formula_id": self.private.pk,
            },
            "POST /reviews": {"formula_id": self.reviewable().pk, "rating": 5, "comment": "c", "is_anonymous": True},
            "PUT /reviews/{id}": {"rating": 5, "comment": "c", "is_anonymous": False},
            "POST /subscriptions": {"formula_id": self.unknown().pk},
            "PATCH /subscriptions/{formula_id}": {"notify": False},
        }  # fmt: skip

    def fresh_refresh_token(self) -> str:
        return accounts.begin_session(user=self.people["cat"]).refresh_token

    def unknown(self) -> Formula:
        """A public formula that Ann does not follow yet."""
        return Formula.objects.filter(name="Unknown").first() or formulas.create_formula(
            author=self.people["cat"], name="Unknown", formula_code=CODE
        )

    def reviewable(self) -> Formula:
        """A formula that Ann follows and has not reviewed."""
        formula = Formula.objects.filter(name="Followed").first()
        if formula is None:
            formula = formulas.create_formula(author=self.people["cat"], name="Followed", formula_code=CODE)
            Subscription.objects.create(user=self.ann, formula=formula)
        return formula

    def who(self, operation: Operation) -> str:
        """Somebody whom the operation is for."""
        if operation.path.startswith(("/datafeed/import", "/datafeed/export")):
            return "operator"
        if operation.path in {"/notifications/send", "/broadcast/role/{role}"}:
            return "admin"
        if operation.path.startswith(("/companies", "/broadcast")):
            return "admin" if operation.name == "POST /companies/{slug}/members" else "company_admin"
        runs_the_system = operation.path.startswith("/instruments") and operation.method != "GET"
        return "operator" if runs_the_system or operation.path in {"/health/components", "/metrics"} else "ann"


def _instrument(symbol: str) -> Instrument:
    instrument = Instrument.objects.create(
        symbol=symbol, name=symbol, exchange="NYSE", session="24x7", timezone="Etc/UTC"
    )
    series = Series.objects.create(instrument=instrument, resolution="1D", provider="replay")
    for number, close in enumerate([10, 11, 12, 11, 10]):
        price = Decimal(close)
        Bar.objects.create(
            series=series, opened_at=FIRST_DAY + number * DAY, open=price, high=price, low=price, close=price,
            volume=Decimal(100),
        )  # fmt: skip
    return instrument


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ours, as it is, but for the trail that notes who was refused what."""
    ours = [model for model in apps.get_models() if model._meta.app_label in OUR_APPS]
    models = [model for model in ours if not model.__name__.startswith("Audit")]
    return {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in models}
