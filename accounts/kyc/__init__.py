"""Adapters of the identity check: cleaning a file, having it scanned, keeping it."""
