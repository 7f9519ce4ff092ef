"""Many formulas, no two alike, for benchmarks."""

CROSS = "if crossover(sma({fast}), sma({slow})): buy()\nif crossunder(sma({fast}), sma({slow})): sell()"


def sources(count: int) -> list[str]:
    """Crossings whose averages have many lengths in common."""
    return [CROSS.format(fast=1 + number % 20, slow=21 + number // 20) for number in range(count)]
