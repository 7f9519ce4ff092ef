"""Formulas running live: what they decide on closed bars, each bar once, whatever stops and starts in between."""

from formulas.live.evaluation import evaluate, evaluate_all, forget
from formulas.live.warming import warm_up

__all__ = ["evaluate", "evaluate_all", "forget", "warm_up"]
