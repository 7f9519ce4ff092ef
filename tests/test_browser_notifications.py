"""The page's settings of notifications in a real browser: channels, browser push, preferences; and one's company."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.tests.mail_server import MailServer
from notifications.tests.fake_services import WEBHOOK, FakeService, Mood
from tests.browser import NARROW, TOO_WIDE, Visitor, card, open_account, wait_until
from tests.people import PeopleServer, mailed
from tests.push_service import PlayedPush

pytestmark = [pytest.mark.browser]

NAMES = ("mailer", "hooker", "pusher", "chooser", "joiner")


@pytest.fixture(scope="module")
def service() -> Iterator[FakeService]:
    service = FakeService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, mail: MailServer, service: FakeService) -> Iterator[PeopleServer]:
    server = PeopleServer(tmp_path_factory.mktemp("people"), mail, OUTGOING_PRIVATE_HOSTS=service.host)
    try:
        server.start()
        server.populate(*NAMES)
        yield server
    finally:
        server.close()


def confirm(page: Page, words: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=words).click()


def test_an_address_is_proven_by_its_code_tried_out_and_removed(visitor: Visitor, live: PeopleServer) -> None:
    page = open_account(visitor, "mailer")
    channels = card(page, "channels")
    channels.get_by_text("Add a channel").click()
    page.select_option("#channel-kind", "email")
    expect(page.locator("#channel-address")).to_have_value("mailer@example.com")
    page.fill("#channel-address", "no address")
    channels.get_by_role("button", name="Add channel").click()
    expect(page.locator("#channel-address-error")).to_contain_text("not a valid address")
    page.fill("#channel-address", "other@example.com")
    page.fill("#channel-name", "At work")
    channels.get_by_role("button", name="Add channel").click()
    row = channels.locator(".item")
    expect(row.locator(".chip")).to_have_text("Not verified")
    wait_until(page, lambda: live.newest_subject("other@example.com") is not None, "no code has come")
    row.get_by_label("The code that was sent there").fill("WRONG")
    row.get_by_role("button", name="Verify").click()
    expect(row.locator("[data-problem]")).to_contain_text("wrong or too old")
    row.get_by_label("The code that was sent there").fill(str(live.newest_subject("other@example.com")).split()[0])
    row.get_by_role("button", name="Verify").click()
    expect(row.locator(".chip")).to_have_text("Verified")
    row.get_by_role("button", name="Test: At work").click()
    expect(channels.locator(".done")).to_have_text("The test was sent.")
    assert live.newest_subject("other@example.com") == "It works"
    row.get_by_text("Last deliveries").click()
    expect(row.locator(".deliveries li").first).to_contain_text("Test: sent")
    row.get_by_role("button", name="Remove: At work").click()
    confirm(page, "Remove")
    expect(channels.get_by_text("Nothing is sent anywhere yet")).to_be_visible()
    assert live.sign_in("mailer").get("/notifications/channels")["results"] == []
    assert visitor.complaints_beyond(400) == []


def test_a_webhooks_secret_is_shown_once_and_its_failure_is_told(
    visitor: Visitor, live: PeopleServer, service: FakeService
) -> None:
    page = open_account(visitor, "hooker")
    channels = card(page, "channels")
    channels.get_by_text("Add a channel").click()
    page.select_option("#channel-kind", "webhook")
    page.fill("#channel-url", service.url + WEBHOOK)
    channels.get_by_role("button", name="Add channel").click()
    secret = channels.locator(".shown-once code").inner_text()
    assert secret.startswith("whsec_")
    wait_until(page, lambda: any(one.path == WEBHOOK for one in service.heard), "no code has come")
    hooks = [one for one in service.heard if one.path == WEBHOOK]
    row = channels.locator(".item")
    row.get_by_label("The code that was sent there").fill(hooks[0].json["data"]["code"])
    row.get_by_role("button", name="Verify").click()
    expect(row.locator(".chip")).to_have_text("Verified")
    channels.get_by_role("button", name="I have kept it").click()
    service.mood = Mood(status=500)
    try:
        row.get_by_role("button", name="Test").click()
        expect(channels.locator("> .problem")).to_have_text("The test did not arrive: It answered 500.")
    finally:
        service.mood = Mood()
    expect(row.locator(".chip")).to_have_text("Failing")
    page.reload()
    expect(row.locator(".chip")).to_be_visible()
    expect(page.get_by_text(secret)).to_have_count(0)
    row.get_by_role("button", name="Switch off").click()
    expect(row.locator(".chip")).to_have_text("Off")
    row.get_by_role("button", name="New secret").click()
    confirm(page, "Make a new one")
    expect(channels.locator(".shown-once code")).to_have_text(re.compile("^whsec_"))
    expect(channels.get_by_text(secret)).to_have_count(0)
    assert visitor.complaints == []


def test_a_browser_subscribes_shows_a_push_and_leads_to_it(
    visitor: Visitor, live: PeopleServer, service: FakeService
) -> None:
    push = PlayedPush(visitor.page, service)
    page = open_account(visitor, "pusher")
    channels = card(page, "channels")
    channels.get_by_role("button", name="Notify me in this browser").click()
    assert push.received(0)["kind"] == "verification"
    expect(channels.locator(".item .chip")).to_have_text("Verified")
    kinds = live.sign_in("pusher").get("/notifications/channels/kinds")
    key = next(one for one in kinds if one["kind"] == "webpush")["options"]["application_server_key"]
    assert page.evaluate("window.subscribedWith") == key
    sent = live.sign_in("pusher").post(
        "/notifications", {"type": "price_alert", "priority": "high", "title": "<b>Look</b>", "message": "& see"}
    )
    message = push.received(1)
    assert (message["notification_id"], message["title"]) == (sent["id"], "<b>Look</b>")
    push.show(message)
    assert push.shown()[0]["body"] == "& see"
    push.hand_over(message)
    push.show({"id": "other", "title": "Another"})
    assert titles(push) == ["<b>Look</b>", "Another"], "a repeat takes the place of what it repeats"
    push.press("<b>Look</b>")
    expect(page.locator(f"#inbox-list [data-id='{sent['id']}']")).to_be_focused()
    expect(page.locator("#account")).to_be_hidden()
    page.click("#to-account")
    channels.get_by_role("button", name="Stop here").click()
    expect(channels.get_by_role("button", name="Notify me in this browser")).to_be_visible()
    assert live.sign_in("pusher").get("/notifications/channels")["results"] == []
    assert visitor.complaints == []


def titles(push: PlayedPush) -> list[str]:
    return sorted(one["title"] for one in push.shown())


def test_the_worker_is_served_so_that_it_is_the_whole_sites_and_asked_for_anew(live: PeopleServer) -> None:
    answer = live.sign_in("pusher").http.get(f"{live.site}/sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert (answer.headers["cache-control"], answer.headers["service-worker-allowed"]) == ("no-cache", "/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("Object.defineProperty(globalThis, 'isSecureContext', { value: false })", "only from pages at https://"),
        ("delete globalThis.PushManager", "cannot take pushes"),
        ("Object.defineProperty(Notification, 'permission', { value: 'denied' })", "Its settings for this site"),
    ],
    ids=["insecure", "unable", "forbidden"],
)
def test_a_browser_that_cannot_take_pushes_is_told_why(visitor: Visitor, missing: str, reason: str) -> None:
    visitor.page.add_init_script(missing)
    page = open_account(visitor, "pusher")
    here = card(page, "channels").locator(".this-browser")
    expect(here).to_contain_text(reason)
    expect(here.get_by_role("button")).to_have_count(0)
    assert visitor.complaints == []


def test_preferences_are_saved_for_all_and_for_a_type_and_a_muted_type_is_marked(
    visitor: Visitor, live: PeopleServer
) -> None:
    chooser = live.sign_in("chooser")
    chooser.post("/notifications", {"type": "price_alert", "priority": "low", "title": "Cheap", "message": "m"})
    page = open_account(visitor, "chooser")
    preferences = card(page, "preferences")
    usual = preferences.locator("#usual-rule")
    usual.get_by_label("Quiet hours").check()
    usual.get_by_label("Time zone").fill("Mars/Olympus")
    usual.get_by_role("button", name="Save").click()
    expect(usual.locator("#rule-default-timezone-error")).to_contain_text("such as Europe/Berlin")
    expect(usual.locator("#rule-default-timezone")).to_be_focused()
    usual.get_by_label("Time zone").fill("Europe/Berlin")
    usual.get_by_label("To channels goes").select_option("medium")
    usual.get_by_label("Slack").uncheck()
    usual.get_by_role("button", name="Save").click()
    expect(preferences.locator(".done")).to_have_text("Your preferences are saved.")
    preferences.get_by_label("A rule of its own for the type").fill("price_alert")
    preferences.get_by_role("button", name="Set").click()
    preferences.locator(".step").get_by_label("Sent").select_option("daily")
    preferences.locator(".step").get_by_role("button", name="Save").click()
    row = preferences.locator(".item")
    expect(row).to_contain_text("Together each morning")
    usual.get_by_label("To channels goes").select_option("high")
    usual.get_by_role("button", name="Save").click()
    expect(preferences.locator(".done")).to_have_text("Your preferences are saved.")
    saved = chooser.get("/notifications/preferences")
    assert "slack" not in saved["default"]["channels"]
    assert saved["default"]["quiet_hours"] == {"start": "22:00", "end": "07:00", "timezone": "Europe/Berlin"}
    alert = saved["types"]["price_alert"]
    assert (alert["digest"], alert["min_priority"]) == ("daily", "high"), "what is in common stays in common"
    row.get_by_role("button", name="Mute").click()
    expect(row.locator(".chip")).to_have_text("Muted")
    assert chooser.get("/notifications/preferences")["types"]["price_alert"]["channels"] == []
    page.get_by_role("link", name="Back to the workspace").click()
    expect(page.locator("#inbox-list .note.muted")).to_contain_text("Cheap")
    page.click("#to-account")
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    assert chooser.get("/notifications/preferences")["types"] == {}
    assert visitor.complaints_beyond(400) == []


def test_a_companys_administrator_invites_withdraws_and_removes(visitor: Visitor, live: PeopleServer) -> None:
    page = open_account(visitor, "boss")
    company = card(page, "company")
    expect(company.get_by_role("heading", name="Your company: Acme")).to_be_visible()
    company.get_by_text("Invite somebody").click()
    for email in ("joiner@example.com", "nobody@example.com"):
        if not page.locator("#invite-email").is_visible():
            company.get_by_text("Invite somebody").click()
        page.fill("#invite-email", email)
        company.get_by_role("button", name="Invite", exact=True).click()
        expect(company.locator(".done")).to_have_text(f"{email} is invited.")
    company.get_by_role("button", name="Withdraw: nobody@example.com").click()
    expect(company.get_by_text("The invitation of nobody@example.com is withdrawn.")).to_be_visible()
    expect(company.get_by_role("heading", name="nobody@example.com")).to_have_count(0)
    token = mailed(page, live, "joiner@example.com").partition("#invitation=")[2]
    live.sign_in("joiner").post("/auth/invitations/accept", {"token": token})
    page.reload()
    expect(company.get_by_text("Nobody is invited at the moment.")).to_be_visible()
    company.get_by_role("button", name="Remove: joiner").click()
    confirm(page, "Remove")
    expect(company.locator(".item")).to_have_count(1)
    assert live.sign_in("joiner").get("/auth/me")["company"] is None
    assert visitor.complaints == []


def test_who_administers_no_company_sees_none(visitor: Visitor) -> None:
    page = open_account(visitor, "joiner")
    expect(card(page, "channels").locator(".this-browser")).not_to_be_empty()
    expect(card(page, "company")).to_be_hidden()
    assert visitor.complaints == []


def test_the_settings_are_not_wider_than_a_phone(browser: Browser, live: PeopleServer) -> None:
    visitor = Visitor(browser, live, NARROW)
    page = open_account(visitor, "boss")
    card(page, "channels").get_by_text("Add a channel").click()
    page.select_option("#channel-kind", "apprise")
    card(page, "preferences").get_by_label("Quiet hours").check()
    card(page, "preferences").get_by_label("A rule of its own for the type").fill("x" * 50)
    card(page, "preferences").get_by_role("button", name="Set").click()
    card(page, "company").get_by_text("Invite somebody").click()
    assert not page.evaluate(TOO_WIDE)
    page.context.close()
    assert visitor.complaints == []
