"""A device with grpcio: sends numbered readings, and comes back after every end of the node until all are acknowledged.

Arguments: port, folder of the .proto, how many readings, how many to repeat after a reconnect that the node already has, the first
level of a hundred topics to spread them over ("" for all on line/7/temp); for TLS also files with the authority to trust, a certificate
of its own and its key.
Prints `at N` for the first Ack of each connection and `acked N` for each later one, then `sent N duplicates N`.
"""

import os
import sys
import tempfile
import threading

import grpc
from grpc_tools import protoc

PROTO = "tidegate/ingest/v1/readings.proto"
BATCH, WINDOW = 20, 400
PATIENCE_S = 60

port, include, many, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
spread = sys.argv[5] if len(sys.argv) > 5 else None
files = [open(path, "rb").read() for path in sys.argv[6:]]
made = tempfile.mkdtemp()
assert protoc.main(["", f"-I{include}", f"--python_out={made}", f"--grpc_python_out={made}", PROTO]) == 0
sys.path.insert(0, made)
from tidegate.ingest.v1 import readings_pb2, readings_pb2_grpc  # noqa: E402


def reading(number):
    topic = f"{spread}/{number % 100}" if spread else "line/7/temp"
    return readings_pb2.Reading(sequence=number, topic=topic, payload=str(number).encode())


class Life:
    """One connection: what it has sent and what was acknowledged to it."""

    def __init__(self):
        self.changed = threading.Condition()
        self.through, self.sent, self.duplicates, self.ended = None, 0, 0, False

    def wait(self, ready):
        with self.changed:
            self.changed.wait_for(lambda: self.ended or ready(), PATIENCE_S)
            return not self.ended

    def note(self, ack):
        with self.changed:
            self.through, self.duplicates = ack.through_sequence, self.duplicates + ack.duplicates
            self.changed.notify_all()

    def end(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def batches(self):
        yield readings_pb2.ReadingBatch(stream_id="press-7")
        if not self.wait(lambda: self.through is not None):
            return
        next_number = max(1, self.through + 1 - repeat)
        while next_number <= many:
            if not self.wait(lambda: next_number - self.through <= WINDOW):
                return
            numbers = range(next_number, min(next_number + BATCH, many + 1))
            self.sent += len(numbers)
            yield readings_pb2.ReadingBatch(readings=[reading(number) for number in numbers])
            next_number = numbers[-1] + 1
        self.wait(lambda: self.through >= many)


def channel():
    options = [(f"grpc.{which}_reconnect_backoff_ms", 100) for which in ("initial", "min", "max")]
    if not files:
        return grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
    authority, certificate, key = files
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    return grpc.secure_channel(f"localhost:{port}", credentials, options=options)


sent = duplicates = through = 0
while through < many:
    life = Life()
    with channel() as wire:
        stub = readings_pb2_grpc.ReadingsStub(wire)
        try:
            for ack in stub.Send(life.batches(), wait_for_ready=True, timeout=PATIENCE_S):
                print("at" if life.through is None else "acked", ack.through_sequence, flush=True)
                assert not ack.refusals, ack
                assert ack.through_sequence >= through, "an acknowledgement was taken back"
                through = ack.through_sequence
                life.note(ack)
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), error
        finally:
            life.end()
    sent, duplicates = sent + life.sent, duplicates + life.duplicates
print("sent", sent, "duplicates", duplicates, flush=True)
