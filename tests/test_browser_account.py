"""The page's doors for people, in a real browser: mailed links, second factors, keys, and the identity check."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from accounts.scopes import SCOPES
from accounts.tests.kyc_files import picture
from accounts.tests.mail_server import MailServer
from tests.browser import NARROW, TOO_WIDE, Visitor, card, open_account, with_passkeys
from tests.people import PeopleServer, code_of, mailed
from tests.server import PASSWORD

pytestmark = [pytest.mark.browser]

NEW_PASSWORD = "a staple for the horse"
NAMES = ("resetter", "invited", "coder", "keyholder", "machinist", "applicant", "traveller")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[PeopleServer]:
    server = PeopleServer(tmp_path_factory.mktemp("people"), mail)
    try:
        server.start()
        server.populate(*NAMES)
        yield server
    finally:
        server.close()


def is_signed_in(page: Page, name: str) -> None:
    expect(page.locator("#who")).to_have_text(f"{name}@example.com")
    expect(page.locator("#welcome")).to_be_hidden()


def test_a_newcomer_follows_the_mailed_link_and_signs_in(visitor: Visitor, live: PeopleServer) -> None:
    page = visitor.page
    visitor.open()
    page.click("#to-register")
    page.fill("#register-email", "newcomer@example.com")
    page.fill("#register-username", "newcomer")
    page.fill("#register-password", PASSWORD)
    page.click("#register [type=submit]")
    expect(page.locator("#sign-in-note")).to_contain_text("We have sent a mail to newcomer@example.com")
    visitor.enter("newcomer")
    expect(page.locator("#sign-in [data-problem]")).to_contain_text("Follow the link in the mail")
    link = mailed(page, live, "newcomer@example.com")
    page.goto(link)
    expect(page.locator("#sign-in-note")).to_contain_text("newcomer@example.com is confirmed")
    assert page.url == f"{live.site}/", "the token must not stay in the address"
    expect(page.locator("#login")).to_have_value("newcomer@example.com")
    page.goto(link)
    expect(page.locator("#sign-in [data-problem]")).to_contain_text("not valid any more")
    visitor.enter("newcomer")
    is_signed_in(page, "newcomer")
    assert visitor.complaints_beyond(400, 403) == []


def test_a_forgotten_password_is_set_anew_by_the_mailed_link(visitor: Visitor, live: PeopleServer) -> None:
    page = visitor.page
    visitor.open()
    page.get_by_role("button", name="Forgot your password?").click()
    page.fill("#forgot-email", "resetter@example.com")
    page.click("#forgot [type=submit]")
    expect(page.locator("#sign-in-note")).to_contain_text("a mail is on its way")
    page.goto(mailed(page, live, "resetter@example.com"))
    expect(page.locator("#reset-password")).to_be_focused()
    assert page.url == f"{live.site}/", "the token must not stay in the address"
    page.fill("#reset-password", "12345678")
    page.click("#reset [type=submit]")
    expect(page.locator("#reset-password-error")).to_contain_text("common")
    page.fill("#reset-password", NEW_PASSWORD)
    page.click("#reset [type=submit]")
    expect(page.locator("#sign-in-note")).to_contain_text("The new password is set")
    visitor.enter("resetter", NEW_PASSWORD)
    is_signed_in(page, "resetter")
    assert visitor.complaints_beyond(400) == []


def test_an_invitation_is_accepted_by_whoever_signs_in(visitor: Visitor, live: PeopleServer) -> None:
    page = visitor.page
    live.sign_in("boss").post("/companies/acme/invitations", {"email": "invited@example.com"})
    link = mailed(page, live, "invited@example.com")
    page.goto(link)
    expect(page.locator("#sign-in-note")).to_contain_text("You are invited")
    assert page.url == f"{live.site}/", "the token must not stay in the address"
    visitor.enter("traveller")
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#notice-problem")).to_contain_text("for another address")
    page.click("#sign-out")
    visitor.enter("invited")
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#notice-text")).to_have_text("You have joined acme.")
    assert live.sign_in("invited").get("/auth/me")["company"] == "acme"
    assert visitor.complaints_beyond(403) == []


def test_an_app_is_added_and_its_code_and_a_recovery_code_sign_in(visitor: Visitor) -> None:
    page = open_account(visitor, "coder")
    factors = card(page, "factors")
    factors.get_by_role("button", name="Add an authenticator app").click()
    expect(factors.locator("svg.qr path")).to_have_attribute("d", re.compile("^M"))
    secret = factors.locator("#totp-secret").inner_text()
    page.fill("#totp-code", "000000")
    factors.get_by_role("button", name="Add app").click()
    expect(page.locator("#totp-code-error")).to_contain_text("not the present code")
    page.fill("#totp-code", code_of(secret))
    factors.get_by_role("button", name="Add app").click()
    codes = factors.locator(".shown-once code")
    expect(codes).to_have_count(10)
    recovery = codes.first.inner_text()
    factors.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text(recovery)).to_have_count(0)
    page.click("#sign-out")
    visitor.enter("coder")
    expect(page.locator("#code")).to_be_focused()
    page.fill("#code", "000000")
    page.click("#sign-in [type=submit]")
    expect(page.locator("#code-error")).to_contain_text("wrong or used up")
    page.fill("#code", code_of(secret, later=1))
    page.click("#sign-in [type=submit]")
    is_signed_in(page, "coder")
    page.click("#sign-out")
    visitor.enter("coder")
    page.fill("#code", recovery)
    page.click("#sign-in [type=submit]")
    is_signed_in(page, "coder")
    page.click("#to-account")
    expect(factors).to_contain_text("9 left")
    assert visitor.complaints_beyond(400, 401) == []


def test_a_passkey_is_made_signs_in_proves_and_is_removed(visitor: Visitor, live: PeopleServer) -> None:
    with_passkeys(visitor.page)
    page = open_account(visitor, "keyholder")
    factors = card(page, "factors")
    factors.get_by_role("button", name="Add a passkey").click()
    page.fill("#passkey-name", "My laptop")
    factors.get_by_role("button", name="Make passkey").click()
    expect(factors.get_by_role("heading", name="My laptop")).to_be_visible()
    expect(factors.locator(".shown-once code")).to_have_count(10)
    page.click("#sign-out")
    page.click("#passkey-sign-in")
    is_signed_in(page, "keyholder")
    live.let_sign_ins_age("keyholder")
    page.click("#to-account")
    factors.get_by_role("button", name="Remove: My laptop").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Use a passkey instead").click()
    expect(factors.locator(".done")).to_have_text("“My laptop” is removed.")
    expect(factors.get_by_text("Your password alone signs you in")).to_be_visible()
    assert visitor.complaints_beyond(403) == []


def test_staff_who_must_enrol_are_led_to_it_and_the_page_opens_afterwards(visitor: Visitor) -> None:
    page = visitor.page
    late: list[Route] = []
    page.route("**/api/v1/formulas/?*", lambda route: late.append(route), times=1)
    visitor.open()
    visitor.enter("operator@example.com")
    expect(page.locator("#notice-text")).to_contain_text("Your role needs a second factor")
    factors = card(page, "factors")
    factors.get_by_role("button", name="Add an authenticator app").click()
    page.fill("#totp-code", code_of(factors.locator("#totp-secret").inner_text()))
    factors.get_by_role("button", name="Add app").click()
    expect(factors.locator(".shown-once code")).to_have_count(10)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    late[0].fulfill(status=403, json={"code": "mfa_enrolment_required"})
    page.wait_for_load_state("networkidle")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator("#notice")).to_be_hidden()
    expect(card(page, "sessions").locator(".item")).to_have_count(1)
    page.get_by_role("link", name="Back to the workspace").click()
    expect(page.locator("#formulas-list > li").first).to_be_visible()
    assert visitor.complaints_beyond(403) == []


def test_a_key_is_made_after_a_fresh_proof_shown_once_and_revoked(visitor: Visitor, live: PeopleServer) -> None:
    page = open_account(visitor, "machinist")
    keys = card(page, "keys")
    keys.get_by_text("Make a key").click()
    offered = keys.locator("[name=scopes]").evaluate_all("boxes => boxes.map(({ value }) => value)")
    assert offered == list(SCOPES)
    live.let_sign_ins_age("machinist")
    page.fill("#key-name", "Night shift")
    keys.get_by_role("button", name="Make key").click()
    page.fill("#proof-password", "a wrong password")
    page.keyboard.press("Enter")
    expect(page.locator("#proof-password-error")).to_contain_text("does not prove")
    page.fill("#proof-password", PASSWORD)
    page.keyboard.press("Enter")
    secret = keys.locator(".shown-once code").inner_text()
    assert secret.startswith("sbx_")
    key = {"Authorization": f"Api-Key {secret}"}
    site = f"{live.site}/api/v1/auth/me"
    assert page.request.get(site, headers=key).json()["username"] == "machinist"
    page.reload()
    expect(keys.get_by_role("heading", name="Night shift")).to_be_visible()
    expect(page.get_by_text(secret)).to_have_count(0)
    keys.get_by_role("button", name="Revoke: Night shift").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(keys.get_by_text("You have no key")).to_be_visible()
    assert page.request.get(site, headers=key).status == 401
    assert visitor.complaints_beyond(400, 403) == []


def test_documents_are_handed_in_and_the_reason_of_a_rejection_arrives(visitor: Visitor, live: PeopleServer) -> None:
    page = open_account(visitor, "applicant")
    identity = card(page, "identity")
    good = FilePayload(name="pass.jpg", mimeType="image/jpeg", buffer=picture(size=(400, 300)))
    page.set_input_files("#kyc-files", [good, FilePayload(name="no.pdf", mimeType="application/pdf", buffer=b"none")])
    page.select_option("#kyc-type-0", "id_card")
    identity.get_by_role("button", name="Hand in").click()
    expect(page.locator("#kyc-type-1-error")).not_to_be_empty()
    identity.get_by_role("button", name="Leave out no.pdf").click()
    page.select_option("#kyc-type-0", "id_card")
    identity.get_by_role("button", name="Hand in").click()
    expect(identity.locator(".chip")).to_have_text("Waiting")
    expect(identity.locator(".documents")).to_contain_text("Identity card")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    live.reject("applicant", "The photo is too dark.")
    expect(identity.locator(".chip")).to_have_text("Rejected")
    expect(identity.locator(".reason")).to_have_text("Reason: The photo is too dark.")
    assert visitor.complaints_beyond(400) == []


def test_a_profile_changes_a_password_changes_and_another_sign_in_is_ended(
    visitor: Visitor, live: PeopleServer
) -> None:
    elsewhere = live.sign_in("traveller")
    page = open_account(visitor, "traveller")
    page.fill("#profile-first", "Tess")
    card(page, "profile").get_by_role("button", name="Save").click()
    expect(card(page, "profile").locator(".done")).to_be_visible()
    assert elsewhere.get("/auth/me")["first_name"] == "Tess"
    sessions = card(page, "sessions")
    expect(sessions.locator(".item")).to_have_count(2)
    sessions.get_by_role("button", name="Sign out").click()
    expect(sessions.locator(".item")).to_have_count(1)
    assert elsewhere.http.get("/auth/me").status_code == 401
    page.fill("#current-password", "a wrong password")
    page.fill("#new-password", NEW_PASSWORD)
    card(page, "password").get_by_role("button", name="Change password").click()
    expect(page.locator("#current-password-error")).to_have_text("This is not your password.")
    page.fill("#current-password", PASSWORD)
    card(page, "password").get_by_role("button", name="Change password").click()
    expect(card(page, "password").locator(".done")).to_contain_text("Your password is changed")
    page.reload()
    is_signed_in(page, "traveller")
    assert visitor.complaints_beyond(400) == []


def test_the_account_is_not_wider_than_a_phone(browser: Browser, live: PeopleServer) -> None:
    visitor = Visitor(browser, live, NARROW)
    page = open_account(visitor, "boss")
    card(page, "keys").get_by_text("Make a key").click()
    card(page, "factors").get_by_role("button", name="Add an authenticator app").click()
    expect(page.locator("#totp-code")).to_be_visible()
    assert not page.evaluate(TOO_WIDE)
    page.context.close()
    assert visitor.complaints == []
