"""Where secrets must not turn up: logs, reprs, the database; and how the API is set up."""

import logging
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from accounts.tests.conftest import AUTH, PASSWORD, bearer, sign_in
from accounts.tests.test_factors import code_now


def everything_kept() -> str:
    return repr([list(model._default_manager.values()) for model in apps.get_models()])


def test_no_secret_is_logged_kept_or_shown_in_a_repr(mia: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pair = sign_in()
    client = bearer(pair["access_token"])
    key = client.post(f"{AUTH}/api-keys", {"name": "bot", "scopes": ["read"]}).json()["key"]
    APIClient().get(f"{AUTH}/me", HTTP_AUTHORIZATION=f"Api-Key {key}x")
    APIClient().get(f"{AUTH}/me", HTTP_AUTHORIZATION=f"Api-Key {key}")
    totp = client.post(f"{AUTH}/mfa/totp").json()["secret"]
    code = code_now(totp)
    recovery = client.post(f"{AUTH}/mfa/totp/confirm", {"code": code}).json()["recovery_codes"]
    body = {"username": "mia", "password": PASSWORD}
    for sent in ({}, {"code": "000000"}, {"code": recovery[0]}, {"password": "a guess at it"}):
        APIClient().post(f"{AUTH}/login", {**body, **sent})
    client.post(f"{AUTH}/reauthenticate", {"password": PASSWORD})
    secrets = [PASSWORD, "a guess at it", totp, *recovery, key.split("_", 2)[2], *pair.values()]
    secrets = [secret for secret in secrets if isinstance(secret, str) and secret != "bearer"]
    assert len(secrets) == 16
    for where in (caplog.text, everything_kept()):
        assert [secret for secret in secrets if secret in where] == []


def test_what_holds_secrets_shows_none_in_its_repr(mia: User) -> None:
    pair = services.sign_in(login="mia", password=PASSWORD)
    enrolment = services.enrol_totp(session=mia.sessions.get())
    assert pair.access_token not in repr(pair)
    assert pair.refresh_token not in repr(pair)
    assert enrolment.secret not in repr(enrolment)


def test_the_api_is_set_up_as_it_should_be() -> None:
    api: dict[str, Any] = settings.REST_FRAMEWORK
    assert api["DEFAULT_AUTHENTICATION_CLASSES"] == [
        "accounts.authentication.SessionTokenAuthentication",
        "accounts.authentication.ApiKeyAuthentication",
    ]
    assert api["DEFAULT_PERMISSION_CLASSES"] == ["rest_framework.permissions.IsAuthenticated"]
    assert api["DEFAULT_THROTTLE_CLASSES"] == ["kernel.api.throttles.CallThrottle"]
    assert api["DEFAULT_PARSER_CLASSES"] == ["kernel.api.parsers.StrictJSONParser"]
    assert api["DEFAULT_RENDERER_CLASSES"] == ["kernel.api.renderers.FastJSONRenderer"]
