# Two units, and a register that outlives them. Registers say 100 times the unit and their own number; some hold values of other types,
# and 101 to 109 are not there.
import os, struct
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext, ModbusSparseDataBlock
from pymodbus.simulator.simruntime import SimRuntime

KEPT = 10

def keep(path):
    """What is written to the INT32 at register 11 is a line of the file before it is there; what it was last."""
    lines = open(path).read().split() if os.path.exists(path) else []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    put = SimRuntime.async_setValues
    async def kept(self, function, address, values):
        if address == KEPT:
            os.write(file, b"%d\n" % struct.unpack(">i", struct.pack(">2H", *values)))
        return await put(self, function, address, values)
    SimRuntime.async_setValues = kept
    return int(lines[-1]) if lines else 0

def registers(unit, kept):
    values = {at: 100 * unit + at for at in list(range(100)) + list(range(109, 200))}
    def put(at, data):
        for offset in range(0, len(data), 2):
            values[at + offset // 2] = struct.unpack(">H", data[offset:offset + 2])[0]
    if kept is not None:
        put(KEPT, struct.pack(">i", kept))
    put(20, struct.pack(">f", 21.5))
    put(22, struct.pack(">f", 21.5)[2:] + struct.pack(">f", 21.5)[:2])
    put(24, struct.pack(">d", -0.125))
    put(28, struct.pack(">q", -5))
    put(32, struct.pack(">I", 4000000000))
    put(34, b"press-7\0")
    put(40, struct.pack(">f", float("nan")))
    return values

def device(unit, kept):
    flags = [bool(at % 3 == 0) for at in range(64)]
    return ModbusDeviceContext(
        co=ModbusSequentialDataBlock(1, list(flags)), di=ModbusSequentialDataBlock(1, list(flags)),
        hr=ModbusSparseDataBlock(registers(unit, kept)), ir=ModbusSparseDataBlock(registers(unit, kept)))

def context(arguments):
    """The units; the first argument, if there is one, is the file of what is kept."""
    kept = keep(arguments[0]) if arguments else None
    return ModbusServerContext(devices={1: device(1, kept), 2: device(2, kept)}, single=False)
