"""Confirming an address and resetting a password by mail, without telling who has an account."""

import statistics
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from rest_framework.test import APIClient

from accounts import services
from accounts.errors import LinkNotValid
from accounts.events import UserRegistered
from accounts.models import MailedLink, MailKind, Role, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, bearer, me_status, refresh, sign_in
from accounts.tests.mailbox import run_jobs, sent, token_in
from kernel import clock
from kernel.models import AuditEntry, Job

NEW = "another good one"


@pytest.fixture
def mailing(settings: Any, db: None) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    settings.PUBLIC_BASE_URL = "https://box.example.com"


def post(path: str, **body: Any) -> Any:
    return APIClient().post(f"{AUTH}/{path}", body)


def register(name: str = "mia", email: str = "mia@example.com", password: str = PASSWORD) -> Any:
    return post("register", email=email, username=name, password=password)


def login(name: str = "mia", password: str = PASSWORD) -> Any:
    return post("login", username=name, password=password)


def ask_for_reset(email: str = "mia@example.com") -> str:
    assert post("password/reset", email=email).status_code == 202
    return token_in(sent()[-1])


def later(monkeypatch: Any, **span: int) -> None:
    moment = clock.now() + timedelta(**span)
    monkeypatch.setattr(clock, "now", lambda: moment)


def test_without_mail_an_account_is_there_at_once(db: None) -> None:
    answer = register()
    assert answer.json()["id"] == User.objects.get().pk
    assert login().status_code == 200
    assert post("password/reset", email="mia@example.com").status_code == 202
    assert not Job.objects.exists()


def test_with_mail_one_signs_in_once_the_address_is_confirmed(mailing: None, published: list[Any]) -> None:
    answer = register()
    assert (answer.status_code, answer.json()["id"]) == (201, None)
    refused = login()
    assert (refused.status_code, refused.json()["code"]) == (403, "email_not_confirmed")
    assert login(password="wrong").status_code == 401, "only to whoever knows the password"
    (message,) = sent()
    assert message.to == ["mia@example.com"]
    assert "https://box.example.com/#confirm-email=" in message.body
    assert published == [], "nobody hears of an account that may be nobody's"
    confirmed = post("email/confirm", token=token_in(message))
    assert (confirmed.status_code, confirmed.json()["username"]) == (200, "mia")
    user = User.objects.get()
    assert user.email_confirmed_at is not None
    assert published == [UserRegistered(user_id=user.pk)]
    assert login().status_code == 200
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(actions) == [
        "user.registered",
        "session.sign_in_failed",
        "email.confirmed",
        "session.signed_in",
    ]


def test_a_refused_unconfirmed_sign_in_uses_up_no_tries(mailing: None) -> None:
    register()
    assert {login().status_code for _ in range(15)} == {403}


def test_an_address_that_has_an_account_is_answered_like_one_that_has_none(mailing: None) -> None:
    register()
    post("email/confirm", token=token_in(sent()[0]))
    again, fresh = register("mia2"), register("tom", "tom@example.com")
    differing = {"username", "email", "created_at"}
    assert again.status_code == fresh.status_code == 201
    assert {k: v for k, v in again.json().items() if k not in differing} == {
        k: v for k, v in fresh.json().items() if k not in differing
    }
    assert again.json()["username"] == "mia2"
    assert (User.objects.count(), User.objects.get(email="mia@example.com").username) == (2, "mia")
    to_owner, to_new = sorted(sent(), key=lambda message: message.to)
    assert "have an account already" in to_owner.subject
    assert "#" not in to_owner.body
    assert token_in(to_new)


@pytest.mark.parametrize("email", ["mia@example.com", "new@example.com"])
def test_other_faults_are_told_alike_whether_the_address_is_taken(
    mailing: None, make_person: MakePerson, email: str
) -> None:
    make_person("mia")
    make_person("tom")
    assert list(register("TOM", email).json()["errors"]) == ["username"]
    assert list(register("new", email, "short").json()["errors"]) == ["password"]


def test_who_registers_an_unconfirmed_address_again_begins_anew(mailing: None) -> None:
    """Somebody may have registered it before its owner came, to lie in wait with a password they know."""
    register("thief", password="the thief's own word")
    (first,) = sent()
    register("mia")
    (second,) = sent()
    assert post("email/confirm", token=token_in(first)).json()["code"] == "link_not_valid"
    assert post("email/confirm", token=token_in(second)).status_code == 200
    assert User.objects.get().username == "mia"
    assert login("mia@example.com", "the thief's own word").status_code == 401
    assert login().status_code == 200


def test_an_older_link_is_dead_before_the_newer_mail_is_out(mailing: None) -> None:
    register()
    (first,) = sent()
    register("thief", password="the thief's own word")
    assert post("email/confirm", token=token_in(first)).json()["code"] == "link_not_valid"


def test_who_confirms_while_another_registers_keeps_their_password(
    mailing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    token = token_in(sent()[0])

    def confirmed_meanwhile(password: str, user: User) -> None:
        services.confirm_email(token=token)

    monkeypatch.setattr("accounts.services.registration.check_password_strength", confirmed_meanwhile)
    assert register("thief", password="the thief's own word").status_code == 201
    assert User.objects.get().username == "mia"
    assert login().status_code == 200
    assert login(password="the thief's own word").status_code == 401


def test_who_waited_may_come_in_when_mail_is_taken_away(mailing: None, settings: Any, published: list[Any]) -> None:
    register()
    settings.EMAIL_HOST = ""
    assert login().status_code == 200
    assert published == [UserRegistered(user_id=User.objects.get().pk)]


def test_who_was_there_before_mail_was_configured_need_not_confirm(make_person: MakePerson, settings: Any) -> None:
    make_person("mia")
    settings.EMAIL_HOST = "smtp.example.com"
    assert login().status_code == 200


def test_the_control_panel_does_not_let_in_who_has_not_confirmed(mailing: None) -> None:
    register()
    User.objects.update(role=Role.ADMIN, is_staff=True)
    client = APIClient()
    answer = client.post("/admin/login/", {"username": "mia", "password": PASSWORD}, format="multipart")
    assert answer.status_code == 200, "the form again"


def test_a_reset_sets_the_password_and_ends_what_was_open(mailing: None, mia: User) -> None:
    before = sign_in()
    token = ask_for_reset()
    answer = post("password/reset/confirm", token=token, password=NEW)
    assert answer.status_code == 200
    assert me_status(before["access_token"]) == 401
    assert refresh(before["refresh_token"]).status_code == 401
    assert login().status_code == 401
    assert login(password=NEW).status_code == 200
    mia.refresh_from_db()
    assert mia.email_confirmed_at is not None
    assert AuditEntry.objects.filter(action="password.reset", target=f"user:{mia.pk}").count() == 1


def test_a_weak_new_password_is_refused_and_leaves_the_link_good(mailing: None, mia: User) -> None:
    token = ask_for_reset()
    weak = post("password/reset/confirm", token=token, password="short")
    assert (weak.status_code, list(weak.json()["errors"])) == (400, ["password"])
    assert post("password/reset/confirm", token=token, password=NEW).status_code == 200


def test_a_link_is_good_once_for_an_hour_and_only_the_newest(
    mailing: None, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use(token: str) -> Any:
        return post("password/reset/confirm", token=token, password=NEW).json().get("code")

    first, second = ask_for_reset(), ask_for_reset()
    assert use(first) == "link_not_valid"
    assert use(second) is None
    assert use(second) == "link_not_valid"
    third = ask_for_reset()
    later(monkeypatch, minutes=61)
    assert use(third) == "link_not_valid"


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 129, None, 7, ["x"], "\x00", "ü"])
def test_made_up_tokens_are_refused(db: None, token: Any) -> None:
    for path, more in (("email/confirm", {}), ("password/reset/confirm", {"password": NEW})):
        assert post(path, token=token, **more).status_code == 400


def test_a_link_serves_its_own_purpose_alone(mailing: None, mia: User) -> None:
    assert post("email/confirm", token=ask_for_reset()).json()["code"] == "link_not_valid"


def test_the_token_is_nowhere_in_the_database(mailing: None, mia: User) -> None:
    token = ask_for_reset()
    link = MailedLink.objects.get()
    assert token not in str(MailedLink.objects.values())
    assert len(link.token_hash) == 64
    assert token not in str(list(Job.objects.values()))
    assert token not in str(list(AuditEntry.objects.values()))


def test_who_was_shut_out_gets_no_link_and_uses_none(mailing: None, mia: User) -> None:
    token = ask_for_reset()
    services.deactivate(user=mia)
    assert post("password/reset/confirm", token=token, password=NEW).json()["code"] == "link_not_valid"
    post("password/reset", email="mia@example.com")
    assert sent() == []


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_HOST", "HTTP_HOST"])
def test_the_host_of_a_request_gets_into_no_link(mailing: None, mia: User, settings: Any, header: str) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    client = APIClient()
    answer = client.post(f"{AUTH}/password/reset", {"email": "mia@example.com"}, **{header: "evil.example"})
    if header == "HTTP_HOST":
        assert answer.status_code == 400
        assert not Job.objects.exists()
        return
    (message,) = sent()
    assert "evil.example" not in str(message.message())
    assert "https://box.example.com/#reset-password=" in message.body


def test_an_account_is_not_flooded_with_mails(mailing: None, mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(8):
        assert post("password/reset", email="mia@example.com").status_code == 202
        run_jobs()
    assert len(mail.outbox) == services.links.MAILS_AN_HOUR
    later(monkeypatch, minutes=61)
    ask_for_reset()


def test_no_request_waits_for_the_mail_server(mailing: None, mia: User) -> None:
    post("password/reset", email="mia@example.com")
    assert mail.outbox == []
    run_jobs()
    assert len(mail.outbox) == 1


def test_a_mail_that_was_refused_is_sent_again_with_a_link_that_works(
    mailing: None, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    post("password/reset", email="mia@example.com")
    with monkeypatch.context() as broken:
        broken.setattr("accounts.letters.EmailMessage.send", lambda self: (_ for _ in ()).throw(OSError("down")))
        run_jobs()
    assert mail.outbox == []
    later(monkeypatch, seconds=30)
    assert post("password/reset/confirm", token=token_in(sent()[0]), password=NEW).status_code == 200


@pytest.mark.parametrize("path", ["password/reset", "register"])
def test_answers_do_not_tell_by_body_or_time_who_has_an_account(
    mailing: None, mia: User, settings: Any, path: str
) -> None:
    settings.SIGN_IN_CALLS_PER_MINUTE = 10_000
    known: list[float] = []
    unknown: list[float] = []
    bodies: set[str] = set()
    for turn in range(50):
        for times, email in ((known, "mia@example.com"), (unknown, f"nobody{turn}@example.com")):
            body = {"email": email, "username": f"{len(times)}-{len(unknown)}x", "password": PASSWORD}
            started = time.perf_counter()
            answer = post(path, **body)
            times.append(time.perf_counter() - started)
            bodies.add(str({k: v for k, v in answer.json().items() if k not in {"username", "email", "created_at"}}))
    assert len(bodies) == 1
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.020


@pytest.mark.django_db(transaction=True)
def test_of_many_uses_of_one_link_at_once_one_succeeds(mailing: None, make_person: MakePerson) -> None:
    make_person("mia")
    token = ask_for_reset()
    together = threading.Barrier(6)
    outcomes: list[str] = []

    def use(number: int) -> None:
        together.wait()
        try:
            services.reset_password(token=token, password=f"another good one {number}")
            outcomes.append("done")
        except LinkNotValid:
            outcomes.append("refused")
        connection.close()

    users = [threading.Thread(target=use, args=(number,)) for number in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert sorted(outcomes) == ["done"] + ["refused"] * 5


def test_old_links_are_forgotten(mailing: None, mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for_reset()
    assert services.forget_old_links() == 0
    later(monkeypatch, days=2)
    assert services.forget_old_links() == 1


def test_every_kind_of_mail_says_what_it_is_for(mailing: None, mia: User) -> None:
    for kind in MailKind:
        services.mail_link(user=mia, kind=kind)
    assert len({message.subject for message in mail.outbox}) == len(MailKind)
    for message in mail.outbox:
        assert message.extra_headers["Auto-Submitted"] == "auto-generated"
        assert "mia" in message.body


def test_a_stale_credential_does_not_keep_one_from_resetting(mailing: None, mia: User) -> None:
    assert bearer("stale").post(f"{AUTH}/password/reset", {"email": "mia@example.com"}).status_code == 202
