"""Whole columns at once: the same operations as the steps, in the same order, so with the same bits.

A column is a float64 array over all bars. What has no faster form here runs its step bar by bar.
"""
