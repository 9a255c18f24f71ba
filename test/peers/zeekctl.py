"""Talks to the fabric as zeekctl does: the websockets library with its default settings, one header.

Usage: zeekctl.py URL NODE. Prints what it saw as one JSON object.
"""

import asyncio
import json
import sys

import websockets


def event(topic, name, args):
    """A data message in the spaced JSON that Python writes by default."""

    def count(n):
        return {"@data-type": "count", "data": n}

    def vector(items):
        return {"@data-type": "vector", "data": items}

    body = vector([{"@data-type": "string", "data": name}, vector(args)])
    message = {"type": "data-message", "topic": topic}
    message.update(vector([count(1), count(1), body]))
    return json.dumps(message)


async def main(url, node):
    seen = {}
    headers = {"X-Application-Name": "zeekctl/2.6.0"}
    async with websockets.connect(url, extra_headers=headers) as ws:
        seen["extensions"] = [str(extension) for extension in ws.extensions]
        await ws.send(json.dumps(["zeek/control"]))
        seen["ack"] = json.loads(await ws.recv())

        topic = "zeek/cluster/node/%s/" % node
        await ws.send(event(topic, "Control::net_stats_request", []))
        # zeekctl takes the first message as its answer: an echo or a stray event would break it.
        seen["reply"] = await ws.recv()

        await ws.send("How is it going?")
        seen["error"] = json.loads(await ws.recv())

        burst = [{"@data-type": "count", "data": 0}]
        for i in range(100):
            burst[0]["data"] = i
            await ws.send(event(topic, "burst", burst))
    seen["close"] = [ws.close_code, ws.close_reason]

    async with websockets.connect(url.replace("/v1/", "/v0/")) as ws:
        seen["wrong path"] = json.loads(await ws.recv())
        await ws.wait_closed()
        seen["wrong path close"] = [ws.close_code, ws.close_reason]
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
