"""A client of python-snap7's at the port given: reads, writes, and says what it found, one line each."""

import logging
import sys

from snap7.client import Client
from snap7.type import Area

logging.disable(logging.CRITICAL)
client = Client()
client.connect("127.0.0.1", 0, 1, tcp_port=int(sys.argv[1]))
print(client.get_pdu_length())
print(client.db_read(1, 0, 8).hex())
client.db_write(1, 2, bytearray(b"\xca\xfe"))
print(client.db_read(1, 0, 8).hex())
print(client.read_area(Area.MK, 0, 3, 2).hex())
print(len(client.db_read(2, 0, 1000)))
items = [
    {"area": Area.DB, "db_number": 1, "start": 0, "size": 3},
    {"area": Area.MK, "db_number": 0, "start": 7, "size": 1},
    {"area": Area.DB, "db_number": 2, "start": 700, "size": 4},
]
print(" ".join(value.hex() for value in client.read_multi_vars(items)[1]))
for attempt in [lambda: client.db_read(9, 0, 1), lambda: client.db_read(1, 7, 2), lambda: client.db_write(9, 0, bytearray(1))]:
    try:
        attempt()
        print("taken")
    except Exception as error:
        print(type(error).__name__, error)
client.disconnect()
