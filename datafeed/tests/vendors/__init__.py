"""Vendors' protocols over loopback: servers that speak them as documented, and misbehave on demand."""
