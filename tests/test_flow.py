"""The whole way, through a real server: a formula on real bars sends a real subscriber a signal."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.server import Caller, LiveServer

pytestmark = pytest.mark.live

RSI = {"name": "RSI Strategy", "formula_code": "if rsi < 30: buy()", "tags": ["rsi", "oversold"]}
OFTEN = {"name": "Often", "formula_code": "if crossover(close, sma(close, 3)): buy()"}


def subscribe_all_the_way(author: Caller, follower: Caller) -> int:
    """Both formulas deployed on IBM and followed; the id of the one that fires often."""
    formulas = [author.post("/formulas/", body)["id"] for body in (RSI, OFTEN)]
    for formula in formulas:
        author.post("/deployments/", {"formula_id": formula, "symbol": "IBM", "resolution": "1D"})
        follower.post("/subscriptions/", {"formula_id": formula})
    return int(formulas[1])


def receive(socket: Any, kind: str) -> Any:
    """The next message of type `kind`."""
    while True:
        message = json.loads(socket.recv(timeout=30))
        if message["type"] == kind:
            return message


def closed_with(url: str, **options: Any) -> int:
    with connect(url, **options) as socket:
        return code_of_close(socket)


def code_of_close(socket: Any) -> int:
    """The code that the server closes with, whatever it still sends before."""
    with pytest.raises(ConnectionClosed) as closed:
        exhaust(socket)
    assert closed.value.rcvd
    return int(closed.value.rcvd.code)


def exhaust(socket: Any) -> None:
    while True:
        socket.recv(timeout=30)


def test_a_formula_on_real_bars_sends_a_subscriber_its_signal(live: LiveServer) -> None:
    ann, bob = live.register("flow_ann"), live.register("flow_bob")
    path = f"{live.sockets}/notifications/ws/{bob.id}?token={bob.token}"
    with connect(path) as socket:
        often = subscribe_all_the_way(ann, bob)
        pushed = receive(socket, "trade_signal")
        while pushed["data"]["data"]["formula_id"] != often:
            pushed = receive(socket, "trade_signal")
    notification = pushed["data"]
    found = bob.get(f"/notifications/{notification['id']}")
    assert found["title"] == notification["title"]
    assert (found["stream"], found["seq"]) == (notification["stream"], notification["seq"])
    assert (found["status"], found["read"]) == ("unread", False)
    signal = bob.get(f"/signals/{found['data']['signal_id']}")
    assert (signal["symbol"], signal["side"]) == ("IBM", "buy")
    assert any("crossover" in part["expression"] for part in signal["reason"])
    unread = bob.get("/notifications/", unread_only="true")["unread_count"]
    assert bob.put(f"/notifications/{found['id']}/read")["status"] == "read"
    assert bob.get(f"/notifications/{found['id']}")["read"] is True
    assert bob.get("/notifications/stats/summary")["by_type"]["trade_signal"] >= unread


def test_every_socket_path_tells_the_same_signal_in_its_own_way(live: LiveServer) -> None:
    ann, bob = live.register("path_ann"), live.register("path_bob")
    subscribe_all_the_way(ann, bob)
    bearer = [Subprotocol("bearer"), Subprotocol(bob.token)]
    with (
        connect(f"{live.sockets}/api/v1/ws", subprotocols=bearer) as canonical,
        connect(f"{live.sockets}/ws/notifications", subprotocols=bearer) as flat,
        connect(f"{live.sockets}/api/notifications/ws/{bob.id}", subprotocols=bearer) as typed,
    ):
        assert canonical.subprotocol == "bearer"
        canonical.send(json.dumps({"type": "notifications.subscribe", "id": 1}))
        assert receive(canonical, "notifications.live")["payload"]["streams"]
        first = receive(canonical, "notification")
        one, other = json.loads(flat.recv(timeout=30)), receive(typed, "trade_signal")
        assert {"title", "message", "id", "stream", "seq"} <= set(one)
        assert set(other) == {"type", "data", "timestamp"}
        streams = {first["stream"], one["stream"], other["data"]["stream"]}
        assert all(stream.startswith("formula:") for stream in streams)


def test_somebody_who_was_away_resumes_without_a_gap_or_a_double(live: LiveServer) -> None:
    ann, bob = live.register("away_ann"), live.register("away_bob")
    often = subscribe_all_the_way(ann, bob)
    stream = f"formula:{often}"
    seen: list[int] = []
    position: dict[str, Any] = {}
    for _ in range(4):
        with connect(f"{live.sockets}/api/v1/ws?token={bob.token}") as socket:
            streams = {stream: position} if position else {}
            socket.send(json.dumps({"type": "notifications.subscribe", "payload": {"streams": streams}}))
            for _ in range(3):
                message = receive(socket, "notification")
                while message["stream"] != stream:
                    message = receive(socket, "notification")
                seen.append(message["seq"])
                position = {"epoch": message["epoch"], "seq": message["seq"]}
    assert seen == list(range(seen[0], seen[0] + 12))


def test_bars_arrive_live_and_equal_what_rest_says(live: LiveServer) -> None:
    with connect(f"{live.sockets}/api/v1/ws") as socket:
        socket.send(json.dumps({"type": "bars.subscribe", "id": "b", "payload": {"symbol": "IBM", "resolution": "1D"}}))
        answer = receive(socket, "bars.subscribe.response")
        assert (answer["id"], answer["payload"]["status"]) == ("b", "ok")
        bars = [receive(socket, "bars.update")["payload"]["payload"] for _ in range(12)]
    times = [bar["time"] for bar in bars]
    assert times == sorted(times), "never a bar older than the last"
    assert len(set(times)) >= 3
    final = {bar["time"]: bar for bar in bars}
    second = sorted(final)[1]
    query = {"symbol": "IBM", "resolution": "1D", "from_time": second // 1000, "to_time": second // 1000 + 1}
    stored = httpx.get(f"{live.site}/api/v1/datafeed/bars", params=query).json()
    assert stored["bars"] == [final[second]]


@pytest.mark.parametrize("path", ["/api/v1/ws", "/ws", "/ws/notifications", "/api/ws/notification"])
def test_a_bad_token_closes_every_path_with_4401(live: LiveServer, path: str) -> None:
    assert closed_with(f"{live.sockets}{path}?token=nonsense") == 4401


def test_another_persons_socket_closes_with_4403(live: LiveServer) -> None:
    ann, bob = live.register("own_ann"), live.register("own_bob")
    for path in (f"/notifications/ws/{ann.id}", f"/notifications/ws/0{bob.id}", "/notifications/ws/me"):
        assert closed_with(f"{live.sockets}{path}?token={bob.token}") == 4403


def test_logging_out_ends_the_token_and_its_sockets_at_once(live: LiveServer) -> None:
    live.register("leaver")
    leaver = live.sign_in("leaver")
    with connect(f"{live.sockets}/ws/notifications?token={leaver.token}") as socket:
        socket.send("ping")
        assert json.loads(socket.recv(timeout=10))["title"] == "pong"
        leaver.post("/auth/logout")
        assert code_of_close(socket) == 4401
    assert leaver.http.get("/auth/me").status_code == 401


def test_a_page_of_another_origin_may_not_connect(live: LiveServer) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.typing import Origin

    for origin in ("https://evil.example", "null", f"{live.site}.evil.example", "http://127.0.0.1:1"):
        with pytest.raises(InvalidStatus) as refused, connect(f"{live.sockets}/api/v1/ws", origin=Origin(origin)):
            pass
        assert refused.value.response.status_code in {400, 403}
    with connect(f"{live.sockets}/api/v1/ws", origin=Origin(live.site)) as socket:
        socket.send("ping")
        assert json.loads(socket.recv(timeout=10))["type"] == "pong"


def test_bad_messages_are_answered_and_twenty_of_them_close(live: LiveServer) -> None:
    with connect(f"{live.sockets}/api/v1/ws") as socket:
        for number, text in enumerate(["{", "[]", '{"type": 7}', '{"type": "websocket.disconnect"}', "[" * 60_000]):
            socket.send(text)
            assert receive(socket, "error")["payload"]["code"], number
        socket.send(json.dumps({"type": "bars.subscribe", "id": 9, "payload": {"symbol": "NOPE"}}))
        error = receive(socket, "error")
        assert error["id"] == 9
        assert "symbol" in error["payload"]["errors"]
        socket.send(json.dumps({"type": "notifications.subscribe", "id": 10}))
        assert receive(socket, "error")["payload"]["status"] == 401
        for _ in range(20):
            socket.send("{")
        assert code_of_close(socket) == 4400


def test_a_binary_message_closes_with_4400_and_an_endless_one_with_1009(live: LiveServer) -> None:
    for payload, code in ((b"\x00", 4400), ("x" * 70_000, 1009)):
        with connect(f"{live.sockets}/api/v1/ws") as socket:
            socket.send(payload)
            assert code_of_close(socket) == code


def test_a_silent_socket_closes_with_4408(live: LiveServer) -> None:
    assert closed_with(f"{live.sockets}/ws/notifications") == 4408


def test_an_unknown_socket_path_is_refused_cleanly(live: LiveServer) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus), connect(f"{live.sockets}/ws/nowhere"):
        pass
    assert "Traceback" not in live.log.read_text()
