import asyncio
import json
import sys

import aiohttp

URL = "http://localhost:3000/rooms/lobby/events?format=ndjson"


async def follow():
    last = None
    # Without a total, which is five minutes; a keep-alive comes every 15 seconds.
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:
                async with session.get(URL, headers=headers) as stream:
                    async for line in stream.content:
                        if line.strip() and "id" in (message := json.loads(line)):
                            print(f"{message['name']}: {message['text']}")
                            last = message["id"]
        except (aiohttp.ClientError, asyncio.TimeoutError) as why:
            print(repr(why), file=sys.stderr)
        await asyncio.sleep(1)


asyncio.run(follow())
