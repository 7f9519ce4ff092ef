"""Formulas: written, versioned, deployed on live bars; their signals and those who subscribe to them."""
