"""The control panel's pages of formulas."""

from formulas.admin import formulas, publications, simulations

__all__ = ["formulas", "publications", "simulations"]
