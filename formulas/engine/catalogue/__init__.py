"""The functions of the language by subject: how each is built, and what the language page says about it."""
