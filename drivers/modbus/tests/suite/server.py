# The units behind a port of loopback. Says so when it serves, and ends with its input.
#
#   argv: PORT [FILE], the file of what is kept
import asyncio, sys
from pymodbus.server import ModbusTcpServer
from units import context

async def main():
    server = ModbusTcpServer(context(sys.argv[2:]), address=("127.0.0.1", int(sys.argv[1])))
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
