"""Signals on sockets."""

from typing import Any

from django.db.models import Q

from formulas.messages import SIGNALS_TOPIC, FormulasAnswer, SignalsSubscribe, SignalsUnsubscribe
from formulas.models import Formula, Subscription
from kernel.background import on_thread
from kernel.permissions import OPERATOR, has_role
from kernel.realtime import Socket, operation

MOST_FORMULAS = 400


def _formulas_with_signals(user: Any) -> list[int]:
    """The formulas whose signals `user` may see: their own and those they actively subscribe to; operators all."""
    formulas = Formula.objects.order_by("-pk")
    if not has_role(user, OPERATOR):
        subscribed = Subscription.objects.filter(user_id=user.pk, is_active=True).values("formula_id")
        formulas = formulas.filter(Q(author_id=user.pk) | Q(pk__in=subscribed))
    return list(formulas.values_list("pk", flat=True)[:MOST_FORMULAS])


@operation("signals.subscribe", SignalsSubscribe, answer=FormulasAnswer)
async def subscribe_to_signals(socket: Socket, request: SignalsSubscribe) -> dict[str, Any]:
    """Receive `signal.created` for the formulas one may see."""
    allowed = await on_thread(_formulas_with_signals, socket.user)
    asked = set(allowed if request.formula_ids is None else request.formula_ids)
    symbols = {symbol.upper() for symbol in request.symbols} if request.symbols else None
    granted = [formula_id for formula_id in allowed if formula_id in asked]
    for formula_id in granted:
        only = (lambda payload: payload["symbol"] in symbols) if symbols else None
        await socket.listen(SIGNALS_TOPIC.format(formula_id), only)
    # Access may have been lost since the last time.
    for formula_id in socket.settings_of.get("signals_of", set()) - set(granted):
        await socket.stop_listening(SIGNALS_TOPIC.format(formula_id))
    socket.settings_of["signals"], socket.settings_of["signals_of"] = request, set(granted)
    return {"formula_ids": sorted(granted)}


@operation("signals.unsubscribe", SignalsUnsubscribe, answer=FormulasAnswer)
async def unsubscribe_from_signals(socket: Socket, request: SignalsUnsubscribe) -> dict[str, Any]:
    """Receive no more signals of these formulas, or of any."""
    asked = request.formula_ids
    if asked is None:
        asked = await on_thread(_formulas_with_signals, socket.user)
        socket.settings_of.pop("signals", None)
    for formula_id in asked:
        await socket.stop_listening(SIGNALS_TOPIC.format(formula_id))
    return {"formula_ids": sorted(asked)}


async def refresh_signals(socket: Socket) -> None:
    """Follow what the person subscribed to since, and leave what they left."""
    if request := socket.settings_of.get("signals"):
        await subscribe_to_signals(socket, request)
