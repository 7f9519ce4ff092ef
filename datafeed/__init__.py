"""Market data: instruments, bars, their providers, and everything that is drawn from them."""
