import json
import sys
import time

import requests
import sseclient

URL = "http://localhost:3000/rooms/lobby/events?format=sse-json"

last = None
while True:
    try:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last}
        stream = requests.get(URL, headers=headers, stream=True, timeout=60)
        stream.raise_for_status()
        for event in sseclient.SSEClient(stream).events():
            if event.event == "NewMessage":
                message = json.loads(event.data)
                print(f"{message['name']}: {message['text']}")
                last = event.id
    except requests.RequestException as why:
        print(repr(why), file=sys.stderr)
    time.sleep(1)
