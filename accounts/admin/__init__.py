"""Accounts in the control panel; importing a module registers its pages."""

from accounts.admin import factors, keys, kyc, links, lockout, people

__all__ = ["factors", "keys", "kyc", "links", "lockout", "people"]
