import asyncio
import json

import websockets


async def follow():
    async with websockets.connect("ws://localhost:8000/notifications/ws/USER_ID?token=TOKEN") as websocket:
        async for message in websocket:
            data = json.loads(message)
            print(f"received: {data}")


asyncio.run(follow())
