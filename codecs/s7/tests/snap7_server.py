"""A station of python-snap7's: prints its port, and goes on until its standard input ends.

Arguments: a port, or 0 for any; and perhaps a file of what is kept: a DINT written to DB1.DBD12 is a line of it before it is there."""

import logging
import os
import struct
import sys

from snap7.server import Server
from snap7.type import SrvArea

logging.disable(logging.CRITICAL)
KEPT = 12


class Station(Server):
    """Keeps one value over its end."""

    file = None

    def keep(self, path, block):
        lines = open(path).read().split() if os.path.exists(path) else []
        struct.pack_into(">i", block, KEPT, int(lines[-1]) if lines else 0)
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _write_to_memory_area(self, area, db_number, start, write_data):
        if self.file is not None and start == KEPT:
            os.write(self.file, b"%d\n" % struct.unpack(">i", write_data))
        return super()._write_to_memory_area(area, db_number, start, write_data)


block = bytearray(400)
block[0] = 0b00001001
struct.pack_into(">f", block, 4, 21.5)
struct.pack_into(">h", block, 8, -7)
block[20:26] = bytes([10, 4]) + b"pump"
for index in range(50):
    struct.pack_into(">f", block, 100 + 4 * index, index / 2)
server = Station(log=False)
if len(sys.argv) > 2:
    server.keep(sys.argv[2], block)
server.host = "127.0.0.1"
server.register_area(SrvArea.DB, 1, block)
server.register_area(SrvArea.DB, 2, bytearray(b"\x55" * 70))
server.register_area(SrvArea.MK, 0, bytearray(range(64)))
server.register_area(SrvArea.PE, 0, bytearray(b"\x80"))
server.register_area(SrvArea.PA, 0, bytearray(b"\x01"))
server.start(tcp_port=int(sys.argv[1]))
print(server.server_socket.getsockname()[1], flush=True)
sys.stdin.read()
server.stop()
