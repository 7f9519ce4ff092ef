"""The replaced stack: FastAPI on uvicorn, with a connection manager that loops over `send_json`.

Written as its framework's own tutorial and the replaced documents tell. `encode_once` is the same with the one
improvement that comes to mind first.
"""

import asyncio
import time
from collections import defaultdict
from typing import Any

import orjson
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from benchmarks.peers.fastapi_rest import Session, app, user_of


class ConnectionManager:
    """Every open socket of this process."""

    def __init__(self) -> None:
        self.active_connections: list[WebSocket] = []
        self.connections_of: defaultdict[int, list[WebSocket]] = defaultdict(list)

    async def connect(self, websocket: WebSocket, user_id: int) -> None:
        await websocket.accept()
        self.active_connections.append(websocket)
        self.connections_of[user_id].append(websocket)

    def disconnect(self, websocket: WebSocket, user_id: int) -> None:
        self.active_connections.remove(websocket)
        self.connections_of[user_id].remove(websocket)

    async def send_to_user(self, user_id: int, message: dict[str, Any]) -> None:
        for connection in self.connections_of[user_id]:
            await connection.send_json(message)

    async def broadcast(self, message: dict[str, Any]) -> None:
        for connection in self.active_connections:
            await connection.send_json(message)

    async def broadcast_text(self, text: str) -> None:
        for connection in self.active_connections:
            await connection.send_text(text)


manager = ConnectionManager()
app.state.push = manager.send_to_user


class Burst(BaseModel):
    """`count` messages, `together` at a time, every `interval` seconds."""

    count: int
    together: int = 1
    interval: float = 0.0
    encode_once: bool = False
    message: dict[str, Any]


@app.websocket("/ws/notifications")
async def notifications(websocket: WebSocket, token: str) -> None:
    async with Session() as database:
        user = await user_of(token, database)
    await manager.connect(websocket, user.id)
    try:
        while True:
            if await websocket.receive_text() == "ping":
                await websocket.send_json({"type": "pong", "title": "pong"})
    except WebSocketDisconnect:
        manager.disconnect(websocket, user.id)


@app.post("/bench/burst")
async def burst(wanted: Burst) -> dict[str, str]:
    app.state.burst = asyncio.create_task(_burst(wanted))
    return {"status": "started"}


async def _burst(wanted: Burst) -> None:
    due = time.monotonic()
    for number in range(0, wanted.count, wanted.together):
        for one in range(wanted.together):
            message = {**wanted.message, "seq": number + one, "sent_ns": time.time_ns()}
            if wanted.encode_once:
                await manager.broadcast_text(orjson.dumps(message).decode())
            else:
                await manager.broadcast(message)
        due += wanted.interval
        await asyncio.sleep(max(0.0, due - time.monotonic()))


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}
