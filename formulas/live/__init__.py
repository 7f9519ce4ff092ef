"""Formulas running live: what they decide on closed bars, each bar once, whatever stops and starts in between."""

from formulas.live.evaluation import evaluate, evaluate_all, forget

__all__ = ["evaluate", "evaluate_all", "forget"]
