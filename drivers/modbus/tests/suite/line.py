# A serial line with the units 1 and 2 on it: pymodbus behind a pair of ptys, with a relay between them that does what it is told.
#
#   argv: PATH [FILE]: a link that stands for the device file, and the file of what is kept
#   stdin: good | crc | half | mute | noise | late SECONDS (the next answer), unplug, plug
#   stdout: a line for each, when it is done
import asyncio, os, pty, sys, time, tty
from pymodbus.framer import FramerType
from pymodbus.server import StartAsyncSerialServer
from units import context

path, loop = sys.argv[1], None
near = None      # the relay's end of the driver's pty
far = None       # the relay's end of the units' pty
slave = None     # keeps the driver's pty alive while nobody has it open
fault = "good"

def pair():
    master, end = pty.openpty()
    tty.setraw(end)
    return master, end

def plug():
    global near, slave
    near, slave = pair()
    os.symlink(os.ttyname(slave), path)
    loop.add_reader(near, to_units)

def unplug():
    global near
    loop.remove_reader(near)
    os.unlink(path)
    os.close(slave)
    os.close(near)
    near = None

def to_units():
    try:
        data = os.read(near, 4096)
    except OSError:
        return
    # Units that are not there say nothing; pymodbus would answer for them. A request is written at once.
    if data[0] in (1, 2):
        os.write(far, data)

def to_driver():
    global fault
    data, what, fault = os.read(far, 4096), fault, "good"
    if near is None or what == "mute":
        return
    if what == "crc":
        data = data[:-1] + bytes([data[-1] ^ 1])
    if what == "half":
        data = data[:len(data) // 2]
    if what == "noise":
        data = b"\x00\xff\x55" + data
    if what.startswith("late"):
        # Nothing is heard meanwhile.
        time.sleep(float(what.split()[1]))
    os.write(near, data)

def command(line):
    global fault
    if line == "plug":
        plug()
    elif line == "unplug":
        unplug()
    else:
        fault = line
    print(line, flush=True)

async def main():
    global loop, far
    loop = asyncio.get_running_loop()
    far, units = pair()
    loop.add_reader(far, to_driver)
    # Without parity, for a pty has none and says so.
    serving = asyncio.create_task(StartAsyncSerialServer(
        context(sys.argv[2:]), framer=FramerType.RTU, port=os.ttyname(units), baudrate=115200, parity="N"))
    serving.add_done_callback(lambda ended: os._exit(1))
    plug()
    # The server opens its end in its own time; what is asked before waits in the pty.
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command(line.decode().strip())
    os._exit(0)

asyncio.run(main())
