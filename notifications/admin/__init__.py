"""Notifications in the control panel."""

from notifications.admin import delivery as delivery  # importing them registers them
from notifications.admin import log as log
