"""Who reads and who writes, and what the tables say in the end: made and read inside the project by `server.shell`."""

from dataclasses import dataclass
from typing import Any

from tests.server import LiveServer

COMPANIES, ROLES = ("acme", "rival"), ("user", "operator")
_POPULATE = """
import json
from django.test import override_settings
from accounts.models import Company, Role
from accounts.services import begin_session, ensure_company, register_user
from formulas.services import create_formula, subscribe_to_formula
companies = [ensure_company(slug=slug, name=slug.title()) for slug in %(companies)r] + [None]
people = []
with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
    def person(name, **fields):
        return register_user(username=name, email=f"{name}@example.com", password="correct horse battery", **fields)
    boss = person("boss", role=Role.ADMIN)
    formula = create_formula(author=boss, name="Chaos", formula_code="if close > 0: buy()", is_public=True)
    for number in range(%(count)d):
        role = Role(%(roles)r[number %% 5 == 0])
        one = person(f"chaos_{number}", company=companies[number %% len(companies)], role=role)
        if number %% 3 == 0:
            subscribe_to_formula(user=one, formula=formula)
        people.append([one.pk, begin_session(user=one).access_token])
print(json.dumps({"people": people, "admin": begin_session(user=boss).access_token, "formula": formula.pk}))
"""
_TABLES = """
import json
from notifications.models import Membership, Notification, Receipt
told, whose, receipts = {}, {}, {}
for name, seq, title in Notification.objects.order_by("seq").values_list("stream__name", "seq", "title"):
    told.setdefault(name, []).append([seq, title])
for user, name in Membership.objects.filter(until_seq=None).values_list("user_id", "stream__name"):
    whose.setdefault(str(user), []).append(name)
for user, name, seq in Receipt.objects.values_list("user_id", "stream__name", "delivered_seq"):
    receipts.setdefault(str(user), {})[name] = seq
print(json.dumps({"told": told, "whose": whose, "receipts": receipts}))
"""
# A process beside the servers, as a worker would be: what it commits is pushed by its own hand, or by nobody.
TELL = """
import os
import time
from notifications.services import create_notification
for number in range(%(count)d):
    title = f"worker-{os.getpid()}.{number}"
    create_notification(stream_name="formula:%(formula)d", type="info", title=title, message="m", dedup_key=title)
    print(title, flush=True)
    time.sleep(%(pause)f)
"""


@dataclass(frozen=True)
class Population:
    """`people` as (id, access token), the token of an administrator, and a formula that some of them follow."""

    people: list[tuple[int, str]]
    admin: str
    formula: int
    companies: tuple[str, ...] = COMPANIES
    roles: tuple[str, ...] = ROLES


@dataclass(frozen=True)
class Tables:
    """What each stream has told, from its first row on, which streams each person is in, and how far they have
    acknowledged them."""

    told: dict[str, list[str]]
    whose: dict[int, list[str]]
    receipts: dict[int, dict[str, int]]


def populate(server: LiveServer, count: int) -> Population:
    """So many people over two companies and none, two roles, a third of them followers of a formula."""
    made = server.shell(_POPULATE % {"count": count, "companies": COMPANIES, "roles": ROLES})
    return Population([(pk, token) for pk, token in made["people"]], made["admin"], made["formula"])


def tables(server: LiveServer) -> Tables:
    """What is committed; fails where the numbers of a stream have a gap."""
    found: dict[str, Any] = server.shell(_TABLES)
    for name, rows in found["told"].items():
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1)), name
    told = {name: [title for _, title in rows] for name, rows in found["told"].items()}
    whose = {int(person): names for person, names in found["whose"].items()}
    return Tables(told, whose, {int(person): seqs for person, seqs in found["receipts"].items()})
