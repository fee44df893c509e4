# Two units. Registers say 100 times the unit and their own number; some hold values of other types, and 101 to 109 are not there.
import asyncio, struct, sys
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext, ModbusSparseDataBlock
from pymodbus.server import StartAsyncTcpServer

def registers(unit):
    values = {at: 100 * unit + at for at in list(range(100)) + list(range(109, 200))}
    def put(at, data):
        for offset in range(0, len(data), 2):
            values[at + offset // 2] = struct.unpack(">H", data[offset:offset + 2])[0]
    put(20, struct.pack(">f", 21.5))
    put(22, struct.pack(">f", 21.5)[2:] + struct.pack(">f", 21.5)[:2])
    put(24, struct.pack(">d", -0.125))
    put(28, struct.pack(">q", -5))
    put(32, struct.pack(">I", 4000000000))
    put(34, b"press-7\0")
    put(40, struct.pack(">f", float("nan")))
    return values

def device(unit):
    flags = [bool(at % 3 == 0) for at in range(64)]
    return ModbusDeviceContext(
        co=ModbusSequentialDataBlock(1, list(flags)), di=ModbusSequentialDataBlock(1, list(flags)),
        hr=ModbusSparseDataBlock(registers(unit)), ir=ModbusSparseDataBlock(registers(unit)))

context = ModbusServerContext(devices={1: device(1), 2: device(2)}, single=False)
asyncio.run(StartAsyncTcpServer(context, address=("127.0.0.1", int(sys.argv[1]))))
