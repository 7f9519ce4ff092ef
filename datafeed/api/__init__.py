"""Market data over REST."""
