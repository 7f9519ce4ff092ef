"""The audit trail: complete, unbroken, without secrets, and nothing in it can be changed unnoticed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from kernel import audit, clock
from kernel.models import AppendOnly, AuditEntry, AuditHead

pytestmark = pytest.mark.django_db
TABLE = AuditEntry._meta.db_table


def write(count: int) -> list[AuditEntry]:
    return [audit.record("thing.done", target=f"thing:{number}", detail={"n": number}) for number in range(count)]


def tamper(sql: str) -> None:
    """As somebody would who can write to the database and does not go by the code."""
    with connection.cursor() as cursor:
        cursor.execute(sql.format(table=TABLE))


def test_entries_say_who_did_what_to_whom_and_follow_each_other(person: Any) -> None:
    ann = person("ann")
    AuditEntry.objects.all().cut(10**6)
    AuditHead.objects.all().delete()
    first = audit.record("role.changed", actor=ann, target="user:7", detail={"from": "user", "to": "admin"})
    second = audit.record("role.changed", actor=AnonymousUser())
    assert (first.seq, second.seq) == (1, 2)
    assert second.previous_hash == first.hash
    kept = AuditEntry.objects.get(seq=1)
    assert (kept.actor_id, kept.actor_name, kept.target) == (ann.pk, "ann", "user:7")
    assert kept.detail == {"from": "user", "to": "admin"}
    assert (second.actor_id, second.actor_name) == (None, "")
    ann.delete()
    assert AuditEntry.objects.get(seq=1).actor_name == "ann"
    assert audit.verify().broken_at is None


def test_secrets_are_masked_wherever_they_stand() -> None:
    secret = "canary-31415"
    detail = {
        "password": secret,
        "nested": {"access_token": secret, "list": [{"client_secret": secret, "Recovery-Codes": [secret]}]},
        "code": 271828,
        "api_key": secret,
        "text": f"https://x.example/?token={secret}&a=1",
        "has_password": True,
        "name": "stays",
    }
    entry = audit.record("thing.done", detail=detail)
    kept = AuditEntry.objects.get(seq=entry.seq)
    assert secret not in str(kept.detail)
    assert kept.detail["code"] == "***"
    assert (kept.detail["has_password"], kept.detail["name"]) == (True, "stays")


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1e300,
        float("nan"),
        "nul\x00 \ud800 \u2028 end",
        2**80,
        b"bytes",
        {1: {2: {3: {4: {5: {6: 7}}}}}},
        {"a"},
        clock.from_epoch(1_000_000_000),
    ],
    ids=str,
)
def test_whatever_a_detail_holds_reads_back_as_it_was_sealed(value: Any) -> None:
    audit.record("thing.done", target="t\x00\n", detail={"value": value})
    assert audit.verify() == audit.Verdict(entries=1, head=str(AuditHead.objects.get()))


def test_a_callers_rollback_takes_its_entry_along() -> None:
    write(1)
    with transaction.atomic():
        audit.record("thing.done")
        transaction.set_rollback(True)
    assert audit.record("thing.done").seq == 2
    assert audit.verify().entries == 2


def test_the_code_neither_changes_nor_deletes_entries() -> None:
    entry = write(1)[0]
    entry.action = "thing.undone"
    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(action="x"),
        lambda: AuditEntry.objects.bulk_update([entry], ["action"]),
        lambda: AuditEntry.objects.update_or_create(seq=1, defaults={"action": "x"}),
    ):
        with pytest.raises(AppendOnly), transaction.atomic():
            attempt()
    assert AuditEntry.objects.get().action == "thing.done"


@pytest.mark.parametrize(
    ("sql", "seq", "what"),
    [
        ("UPDATE {table} SET action = 'thing.undone' WHERE seq = 3", 3, "one of them was changed"),
        ("UPDATE {table} SET actor_id = 1 WHERE seq = 3", 3, "one of them was changed"),
        ("UPDATE {table} SET detail = '{{\"n\": 9}}' WHERE seq = 3", 3, "one of them was changed"),
        ("UPDATE {table} SET at = '2001-01-01 00:00:00' WHERE seq = 3", 3, "one of them was changed"),
        ("UPDATE {table} SET address = '192.0.2.1' WHERE seq = 1", 1, "one of them was changed"),
        ("DELETE FROM {table} WHERE seq = 3", 3, "the entry is missing, the next is 4"),
        ("DELETE FROM {table} WHERE seq = 1", 1, "the entry is missing, the next is 2"),
        ("DELETE FROM {table} WHERE seq = 5", 5, "the entry is missing, the chain ended at 5"),
        ("DELETE FROM {table}", 1, "the entry is missing, the chain ended at 5"),
        ("UPDATE {table} SET seq = 6 WHERE seq = 3", 3, "the entry is missing, the next is 4"),
        (
            "UPDATE {table} SET seq = 9 WHERE seq = 2; UPDATE {table} SET seq = 2 WHERE seq = 3; "
            "UPDATE {table} SET seq = 3 WHERE seq = 9",
            2,
            "previous_hash is not the hash of entry 1",
        ),
    ],
)
def test_whatever_is_done_to_an_entry_is_found_and_named(sql: str, seq: int, what: str) -> None:
    write(5)
    for statement in sql.split(";"):
        tamper(statement)
    verdict = audit.verify()
    assert verdict.broken_at == seq
    assert what in verdict.what
    with pytest.raises(CommandError, match=f"entry {seq}: ") as refused:
        call_command("verify_audit")
    assert refused.value.returncode == 1


def test_an_entry_put_in_behind_the_end_is_found_even_with_a_hash_that_fits() -> None:
    last = write(3)[-1]
    forged = AuditEntry(seq=4, at=clock.now(), action="kyc.approved", previous_hash=last.hash)
    forged.hash = audit.hash_of(forged)
    forged.save()
    assert (audit.verify().broken_at, audit.verify().what) == (
        4,
        "the entry was added behind the end of the chain at 3",
    )


def test_a_chain_that_was_sealed_anew_as_a_whole_does_not_fit_what_was_noted(capsys: Any) -> None:
    write(3)
    call_command("verify_audit")
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "ok 3 entries"
    noted = told[1].rsplit(" ", 1)[-1]
    call_command("verify_audit", noted=noted)
    tamper("DELETE FROM {table}")
    AuditHead.objects.all().delete()
    write(4)
    assert audit.verify().broken_at is None
    assert audit.verify(noted).broken_at == 3


def test_an_empty_trail_is_a_good_one(capsys: Any) -> None:
    call_command("verify_audit")
    assert capsys.readouterr().out.startswith("ok 0 entries")


def test_old_entries_are_cut_as_a_whole_and_the_rest_still_verifies(monkeypatch: Any, settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 365
    today = clock.now()
    for days in (900, 800, 10, 700, 5):
        monkeypatch.setattr(clock, "now", lambda days=days: today - timedelta(days=days))
        write(1)
    monkeypatch.setattr(clock, "now", lambda: today)
    assert audit.cut_old_entries() == 2, "not the fourth: it stands behind one that is kept"
    assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)) == [3, 4, 5, 6]
    cut = AuditEntry.objects.get(seq=6)
    assert (cut.action, cut.detail["through"], cut.detail["entries"]) == ("audit.cut", 2, 2)
    assert audit.verify().entries == 4
    assert audit.cut_old_entries() == 0
    monkeypatch.setattr(clock, "now", lambda: today + timedelta(days=400))
    assert audit.cut_old_entries() == 4
    assert audit.verify().entries == 1


def test_a_beginning_that_was_cut_by_hand_is_found_before_and_after_a_real_cut(monkeypatch: Any, settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 365
    today = clock.now()
    monkeypatch.setattr(clock, "now", lambda: today - timedelta(days=500))
    write(2)
    monkeypatch.setattr(clock, "now", lambda: today)
    write(3)
    audit.cut_old_entries()
    tamper("DELETE FROM {table} WHERE seq = 3")
    assert audit.verify().broken_at == 3


def test_what_is_broken_is_not_cut(monkeypatch: Any, settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 365
    write(3)
    tamper("UPDATE {table} SET action = 'x' WHERE seq = 2")
    later = clock.now() + timedelta(days=400)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert audit.cut_old_entries() == 0
    assert AuditEntry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain_without_a_gap() -> None:
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for turn in range(5):
            with transaction.atomic():
                audit.record("thing.done", target=f"writer:{number}", detail={"turn": turn})
        connection.close()

    writers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 41))
    assert audit.verify() == audit.Verdict(entries=40, head=str(AuditHead.objects.get()))


def test_the_panel_shows_and_filters_the_trail_to_administrators_and_changes_nothing(person: Any) -> None:
    write(2)
    audit.record("role.changed", actor=person("ann"), target="user:7")
    client = Client()
    client.force_login(person("ada", role="admin"))
    page = "/admin/kernel/auditentry/"
    assert b"thing:0" in client.get(page).content
    for query in (
        "action=role.changed",
        "actor_name__icontains=ann",
        "q=user:7",
        "at_from=2001-01-01",
        f"at_to={clock.now():%Y-%m-%d}",
    ):
        answer = client.get(page, query_params=dict([query.split("=", 1)]))
        assert answer.status_code == 200, query
        shown = answer.content
        assert b"user:7" in shown, query
        assert (b"thing:0" in shown) == query.startswith("at_"), query
    for query in ({"at_to": "2001-01-01"}, {"at_from": "2001-13-77"}):
        assert client.get(page, query_params=query).status_code in {200, 302}
    assert b"thing:0" not in client.get(page, query_params={"at_to": "2001-01-01"}).content
    assert client.get(f"{page}1/change/").status_code == 200
    for path in ("add/", "1/delete/"):
        assert client.post(f"{page}{path}", {"post": "yes"}).status_code == 403
    assert client.post(f"{page}1/change/", {"action": "x"}).status_code == 403
    client.force_login(person("olga", role="operator"))
    assert client.get(page).status_code == 403
    assert audit.verify().broken_at is None
