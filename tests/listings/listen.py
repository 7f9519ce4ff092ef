import asyncio
import json

import websockets


async def listen_notifications():
    uri = "ws://localhost:8000/ws/notifications?token=TOKEN"
    async with websockets.connect(uri) as websocket:
        await websocket.send("ping")
        async for message in websocket:
            data = json.loads(message)
            print(f"new: {data['title']}")


asyncio.run(listen_notifications())
