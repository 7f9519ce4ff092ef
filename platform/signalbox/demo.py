"""What a first start brings: market history, people of every role, formulas that run, somebody who follows them."""

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.services import ensure_demo_people
from datafeed.selectors import find_instrument
from datafeed.services import ensure_demo_market, reset_replay
from formulas.models import Deployment, Formula, Subscription
from formulas.services import create_formula, deploy_formula, rewind_deployments, subscribe_to_formula
from signalbox.environment import kept_secret

CROSSING = "if crossover(close, sma(close, 3)): buy()\nif crossunder(close, sma(close, 3)): sell()\n"

# Name, code, description, category, tags, and the instruments it runs on.
FORMULAS: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Three-bar crossing",
        CROSSING,
        "Buys when the close crosses its three-bar average upwards, sells when it crosses back. Fires often.",
        "trend",
        ("sma", "crossover"),
        ("IBM", "AAPL", "MSFT", "GOOG"),
    ),
    (
        "Oversold rebound",
        "if rsi < 30: buy()\nif rsi > 70: sell()\n",
        "Buys when the 14-bar RSI falls below 30 and sells above 70.",
        "technical",
        ("rsi", "oversold"),
        ("IBM", "AAPL", "MSFT"),
    ),
    (
        "MACD turn",
        "line, signal_line, hist = macd(12, 26, 9)\nif crossover(line, signal_line): buy()\n"
        "if crossunder(line, signal_line): sell()\n",
        "Follows the MACD line across its signal line.",
        "trend",
        ("macd",),
        ("GOOG", "MSFT"),
    ),
)


def refusal() -> str:
    """Why demo accounts may not be made here; empty where they may."""
    if settings.ENV.is_production:
        return "Demo accounts are never made in production."
    if not settings.ENV.is_embedded:
        return "Demo accounts are made only in the embedded default (without DATABASE_URL and REDIS_URL)."
    return ""


def password() -> str:
    """The demo people's password: `DEMO_PASSWORD`, else one made at first use and kept in the data folder."""
    return settings.ENV.demo_password or kept_secret(settings.DATA_DIR, "demo_password", length=12)


def load_market() -> None:
    """Load the instruments and the history of the enabled providers; seconds at first, nothing the next time."""
    ensure_demo_market()


@transaction.atomic
def make_demo() -> None:
    """The demo people, their formulas running live, and subscriptions to them; what exists is left alone."""
    people = {user.username: user for user in ensure_demo_people(password=password())}
    for name, code, description, category, tags, symbols in FORMULAS:
        formula = Formula.objects.filter(author=people["author"], name=name).first()
        if formula is None:
            formula = create_formula(
                author=people["author"],
                name=name,
                formula_code=code,
                description=description,
                category=category,
                tags=tags,
            )
            _deploy(formula, symbols)
            _subscribe(people["trader"], formula)


@transaction.atomic
def reset() -> None:
    """Let the replay begin again: its played bars go, and with them the signals raised on them."""
    reset_replay()
    rewind_deployments()


def _deploy(formula: Formula, symbols: tuple[str, ...]) -> list[Deployment]:
    return [deploy_formula(formula=formula, instrument=find_instrument(symbol), resolution="1D") for symbol in symbols]


def _subscribe(trader: User, formula: Formula) -> Subscription:
    return subscribe_to_formula(user=trader, formula=formula)


def welcome(host: str, port: int) -> str:
    """What `make run` prints once it serves: addresses, and the demo people where there are any."""
    shown_host = f"[{host}]" if ":" in host else host
    site = f"http://{shown_host}:{port}"
    lines: list[Any] = ["", "Signalbox is being served.", "", f"  Web page       {site}/"]
    if not refusal() and User.objects.filter(username="trader").exists():
        lines[-1] = f"  Web page       {site}/#demo={quote(password())}   (signs the demo trader in)"
        lines += [
            f"  Control panel  {site}/admin/",
            f"  API            {site}/docs",
            "",
            "  Demo people    admin, operator, reviewer, author, trader  @example.com",
            f"  Password       {password()}",
        ]
    else:
        lines += [f"  Control panel  {site}/admin/", f"  API            {site}/docs"]
    return "\n".join([*lines, "", "  Ctrl-C stops it.", ""])
