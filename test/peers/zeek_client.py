"""Talks to the fabric as zeek-client does: the websocket-client library, one topic for both directions.

Usage: zeek_client.py URL. Prints what it saw as one JSON object.
"""

import json
import sys

import websocket

TOPIC = "zeek/management/controller"


def request(reqid):
    body = [
        {"@data-type": "string", "data": "Management::Controller::API::get_nodes_request"},
        {"@data-type": "vector", "data": [{"@data-type": "string", "data": reqid}]},
    ]
    data = [
        {"@data-type": "count", "data": 1},
        {"@data-type": "count", "data": 1},
        {"@data-type": "vector", "data": body},
    ]
    message = {"type": "data-message", "topic": TOPIC, "@data-type": "vector", "data": data}
    return json.dumps(message, sort_keys=True)


def main(url):
    seen = {}
    ws = websocket.WebSocket()
    ws.connect(url, timeout=10)
    ws.send(json.dumps([TOPIC]))
    ack = json.loads(ws.recv())
    seen["ack"] = ack
    ws.send(request("request-1"))
    op, data = ws.recv_data()
    seen["reply opcode"] = op
    seen["reply"] = data.decode()
    ws.send(json.dumps({"type": "data-message", "topic": TOPIC}))
    seen["error"] = json.loads(ws.recv())
    ws.close()
    print(json.dumps(seen))


main(*sys.argv[1:])
