"""Notifications: one row for each, whatever its audience, and streams that nobody misses a message of."""
