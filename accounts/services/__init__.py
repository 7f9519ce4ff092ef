"""Every write to people, companies and sessions."""

from accounts.services.companies import (
    accept_invitation,
    add_member,
    forget_old_invitations,
    invite,
    mail_invitation,
    remove_member,
    withdraw_invitation,
)
from accounts.services.demo import ensure_demo_people
from accounts.services.factors import (
    begin_passkey,
    confirm_passkey,
    confirm_totp,
    enrol_totp,
    reauthenticate,
    remove_factor,
    replace_recovery_codes,
)
from accounts.services.keys import create_api_key, note_use, revoke_api_key, revoke_api_keys
from accounts.services.kyc import HandedIn, submit_documents
from accounts.services.kyc import erase as erase_kyc
from accounts.services.kyc import withdraw as withdraw_kyc
from accounts.services.kyc_documents import open_document
from accounts.services.kyc_review import approve as approve_kyc
from accounts.services.kyc_review import mail_review
from accounts.services.kyc_review import reject as reject_kyc
from accounts.services.links import (
    confirm_email,
    forget_old_links,
    mail_link,
    request_password_reset,
    reset_password,
)
from accounts.services.passwords import change_password, set_password
from accounts.services.people import (
    change_role,
    change_user,
    deactivate,
    delete_company,
    delete_user,
    ensure_company,
    follow_role,
    insert_user,
    move_to_company,
    reactivate,
    register_user,
    store_company,
    update_profile,
)
from accounts.services.registration import sign_up
from accounts.services.sessions import (
    begin_session,
    forget_old_sessions,
    refresh,
    revoke_session,
    revoke_sessions,
    sign_in,
    sign_in_by_passkey,
    sign_out,
    verify_credentials,
)
from accounts.services.tickets import TICKET_LIFETIME, issue_ticket, redeem_ticket

__all__ = [
    "TICKET_LIFETIME",
    "HandedIn",
    "accept_invitation",
    "add_member",
    "approve_kyc",
    "begin_passkey",
    "begin_session",
    "change_password",
    "change_role",
    "change_user",
    "confirm_email",
    "confirm_passkey",
    "confirm_totp",
    "create_api_key",
    "deactivate",
    "delete_company",
    "delete_user",
    "enrol_totp",
    "ensure_company",
    "ensure_demo_people",
    "erase_kyc",
    "follow_role",
    "forget_old_invitations",
    "forget_old_links",
    "forget_old_sessions",
    "insert_user",
    "invite",
    "issue_ticket",
    "mail_invitation",
    "mail_link",
    "mail_review",
    "move_to_company",
    "note_use",
    "open_document",
    "reactivate",
    "reauthenticate",
    "redeem_ticket",
    "refresh",
    "register_user",
    "reject_kyc",
    "remove_factor",
    "remove_member",
    "replace_recovery_codes",
    "request_password_reset",
    "reset_password",
    "revoke_api_key",
    "revoke_api_keys",
    "revoke_session",
    "revoke_sessions",
    "set_password",
    "sign_in",
    "sign_in_by_passkey",
    "sign_out",
    "sign_up",
    "store_company",
    "submit_documents",
    "update_profile",
    "verify_credentials",
    "withdraw_invitation",
    "withdraw_kyc",
]
