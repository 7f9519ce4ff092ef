"""The doors of accounts: each reads a body, calls one service or selector, and answers."""
