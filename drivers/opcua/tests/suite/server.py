# A server of asyncua that a test drives by lines on its standard input; each is answered by one line.
import asyncio, dataclasses, datetime, ipaddress, json, logging, os, sys
from pathlib import Path
from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService
from asyncua.server.internal_session import InternalSession
from asyncua.server.internal_subscription import InternalSubscription
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Nobody reads what it says on standard error.
logging.disable(logging.CRITICAL)
URI = "urn:tidegate:test:server"
NODES = [
    ("Line.Temp", 21.5, ua.VariantType.Double), ("Line.Count", 7, ua.VariantType.Int32),
    ("Line.Running", True, ua.VariantType.Boolean), ("Line.Recipe", "press", ua.VariantType.String),
    ("Line.Big", 2**63, ua.VariantType.UInt64), ("Line.Speed", 1.5, ua.VariantType.Float),
    (1001, -3, ua.VariantType.Int16), ("Line.Window", [1.0, 2.0], ua.VariantType.Double),
]
counts = {"opened": 0, "closed": 0}

def certificate(folder, name, begins, ends):
    """Made once; paths of it and of its key."""
    paths = [Path(folder) / f"{name}.der", Path(folder) / f"{name}.pem", Path(folder) / f"{name}.crt"]
    if not paths[0].exists():
        now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.UniformResourceIdentifier(URI), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        usage = dict.fromkeys(["key_agreement", "crl_sign", "encipher_only", "decipher_only"], False)
        usage.update(dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign"], True))
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now + begins * day).not_valid_after(now + ends * day)
            .add_extension(x509.SubjectAlternativeName(names), False).add_extension(x509.KeyUsage(**usage), False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .sign(key, hashes.SHA256()))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        paths[2].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        paths[0].write_bytes(made.public_bytes(serialization.Encoding.DER))
    return paths

class Users:
    def __init__(self, options):
        self.passwords = options.get("users", {})
        self.certificates = [Path(path).read_bytes() for path in options.get("user_certificates", [])]
        self.role = UserRole[options.get("role", "Admin")]

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is not None:
            return User(role=self.role, name=username) if self.passwords.get(username) == password else None
        # Of somebody without a name it is that of the channel.
        if self.certificates:
            return User(role=self.role, name="certificate") if certificate in self.certificates else None
        return User(role=self.role, name="anyone")

def count_sessions():
    create, response = InternalSession.create_session, ua.CloseSessionResponse
    async def created(self, *args, **kwargs):
        counts["opened"] += 1
        return await create(self, *args, **kwargs)
    def closed(*args, **kwargs):
        counts["closed"] += 1
        return response(*args, **kwargs)
    InternalSession.create_session = created
    ua.CloseSessionResponse = closed

def keep(path):
    """Appends to the file that outlives the process; what was the last line of it."""
    lines = Path(path).read_text().split() if Path(path).exists() else []
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), int(lines[-1]) if lines else 0

def meddle(options, kept):
    """Writes are refused, cut to size, written down before they are there, or never answered."""
    put = AttributeService.write
    async def meddled(self, params, **user):
        item = params.NodesToWrite[0]
        if item.AttributeId != ua.AttributeIds.Value:
            return await put(self, params, **user)
        name, value = str(item.NodeId.Identifier), item.Value.Value.Value
        if name in options.get("refused", {}):
            return [ua.StatusCode(getattr(ua.StatusCodes, options["refused"][name]))]
        if name == "Line.Speed" and value > options.get("speed_max", value):
            cut = dataclasses.replace(item.Value, Value=ua.Variant(options["speed_max"], ua.VariantType.Float))
            params = ua.WriteParameters(NodesToWrite=[dataclasses.replace(item, Value=cut)])
        if name != "Line.Count":
            return await put(self, params, **user)
        when, sign = options.get("stalls", (None, None))
        written = None
        if when != "before":
            if kept is not None:
                os.write(kept, b"%d\n" % value)
            written = await put(self, params, **user)
        if when is not None:
            Path(sign).touch()
            await asyncio.sleep(3600)
        return written
    AttributeService.write = meddled

async def main(port, options):
    count_sessions()
    kept, count = keep(options["kept"]) if "kept" in options else (None, 7)
    meddle(options, kept)
    server = Server(user_manager=Users(options))
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
    await server.set_application_uri(URI)
    server.set_security_policy([ua.SecurityPolicyType[name] for name in options.get("policies", ["NoSecurity"])])
    tokens = {"anonymous": ua.AnonymousIdentityToken, "password": ua.UserNameIdentityToken, "certificate": ua.X509IdentityToken}
    server.set_identity_tokens([tokens[name] for name in options.get("tokens", ["anonymous"])])
    if "certificate" in options:
        der, pem, _ = certificate(*options["certificate"])
        await server.load_certificate(str(der))
        await server.load_private_key(str(pem))
    index = await server.register_namespace("urn:tidegate:test")
    line = await server.nodes.objects.add_object(ua.NodeId("Line", index), f"{index}:Line")
    nodes = {}
    for name, value, of in NODES:
        value = count if name == "Line.Count" else value
        node = await line.add_variable(ua.NodeId(name, index), f"{index}:{str(name).split('.')[-1]}", value, varianttype=of)
        await node.set_writable()
        nodes[str(name)] = (node, of)
    if options.get("reads_max"):
        limit = server.get_node(ua.NodeId(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead))
        await limit.write_value(ua.Variant(options["reads_max"], ua.VariantType.UInt32))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with server:
        print("ready", flush=True)
        while command := json.loads(await reader.readline() or "null"):
            print(await obey(server, nodes, command), flush=True)

async def obey(server, nodes, command):
    if command["do"] == "set":
        node, of = nodes[command["node"]]
        ms = command.get("source_ms")
        utc = datetime.timezone.utc
        source = datetime.datetime.fromtimestamp(ms / 1000, utc) if ms else datetime.datetime.now(utc)
        value = ua.DataValue(ua.Variant(command["value"], of), ua.StatusCode(command.get("status", 0)), SourceTimestamp=source)
        await server.write_attribute_value(node.nodeid, value)
    elif command["do"] == "get":
        return json.dumps(await nodes[command["node"]][0].read_value())
    elif command["do"] == "mute":
        async def nothing(self, requestdata=None):
            return False
        InternalSubscription.publish_results = nothing
    elif command["do"] == "sessions":
        return json.dumps([counts["opened"], counts["closed"], len(server.iserver.subscription_service.subscriptions)])
    return "null"

if sys.argv[1] == "certificate":
    certificate(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
else:
    asyncio.run(main(int(sys.argv[1]), json.loads(sys.argv[2])))
