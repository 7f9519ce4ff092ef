"""Formulas over REST."""
