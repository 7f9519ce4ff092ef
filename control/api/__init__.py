"""Health and versions over REST."""
