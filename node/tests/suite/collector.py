"""A collector of traces: decodes what is posted to it by the contract's own decoder, and prints a line for each request.

The first line is its port. Lines of standard input say how it answers from then on: `take`, `refuse` (503) or `hang`.
"""

import base64
import http.server
import json
import socketserver
import sys
import threading

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

manner = "take"
changed = threading.Condition()


def hexed(text):
    return base64.b64decode(text).hex()


def told(span):
    """The span with its ids as people write them."""
    attributes = {one["key"]: list(one["value"].values())[0] for one in span.pop("attributes", [])}
    for key in ("traceId", "spanId", "parentSpanId"):
        if key in span:
            span[key] = hexed(span[key])
    return {**span, "attributes": attributes}


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with changed:
            print(json.dumps({"asked": manner, "path": self.path}), flush=True)
            changed.wait_for(lambda: manner != "hang")
            if manner == "refuse":
                return self.answer(503, b"later")
        message = ExportTraceServiceRequest.FromString(body)
        whole = MessageToDict(message)
        for resource in whole["resourceSpans"]:
            attributes = {one["key"]: one["value"]["stringValue"] for one in resource["resource"]["attributes"]}
            spans = [told(span) for scope in resource["scopeSpans"] for span in scope["spans"]]
            headers = {"authorization": self.headers["authorization"], "traceparent": self.headers["traceparent"]}
            print(json.dumps({"resource": attributes, "spans": spans, "headers": headers}), flush=True)
        self.answer(200, ExportTraceServiceResponse().SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Collector)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
for line in sys.stdin:
    with changed:
        manner = line.strip()
        changed.notify_all()
