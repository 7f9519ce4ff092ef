"""Every write to people, companies and sessions."""

from accounts.services.demo import ensure_demo_people
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
    update_profile,
)
from accounts.services.sessions import (
    forget_old_sessions,
    refresh,
    revoke_sessions,
    sign_in,
    sign_out,
    verify_credentials,
)
from accounts.services.tickets import TICKET_LIFETIME, issue_ticket, redeem_ticket

__all__ = [
    "TICKET_LIFETIME",
    "change_password",
    "change_role",
    "change_user",
    "deactivate",
    "delete_company",
    "delete_user",
    "ensure_company",
    "ensure_demo_people",
    "follow_role",
    "forget_old_sessions",
    "insert_user",
    "issue_ticket",
    "move_to_company",
    "reactivate",
    "redeem_ticket",
    "refresh",
    "register_user",
    "revoke_sessions",
    "set_password",
    "sign_in",
    "sign_out",
    "update_profile",
    "verify_credentials",
]
