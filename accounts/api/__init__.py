"""The REST endpoints under `auth/`."""
