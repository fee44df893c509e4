"""A station of python-snap7's: prints its port, and goes on until its standard input ends. The argument is a port, or 0 for any."""

import logging
import struct
import sys

from snap7.server import Server
from snap7.type import SrvArea

logging.disable(logging.CRITICAL)
block = bytearray(400)
block[0] = 0b00001001
struct.pack_into(">f", block, 4, 21.5)
struct.pack_into(">h", block, 8, -7)
block[20:26] = bytes([10, 4]) + b"pump"
for index in range(50):
    struct.pack_into(">f", block, 100 + 4 * index, index / 2)
server = Server(log=False)
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
