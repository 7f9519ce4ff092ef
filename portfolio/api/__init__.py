"""Portfolios over REST."""
