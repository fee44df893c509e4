# A client of asyncua that a test drives by lines on its standard input; each is answered by one line, and changes come as lines as well.
import asyncio, json, logging, sys
from asyncua import Client, ua
from asyncua.crypto import security_policies

logging.disable(logging.CRITICAL)
# What the certificates that the tests make have.
URI = "urn:tidegate:test:server"
PATIENCE_S = 60
ITEMS_PER_CALL = 500

def say(**what):
    print(json.dumps(what), flush=True)

def told(value):
    source = value.SourceTimestamp
    return {"value": value.Value.Value if value.Value else None, "status": value.StatusCode.name,
            "source_ms": round(source.timestamp() * 1000) if source else None}

def name_of(error):
    return getattr(error, "code", None) and ua.StatusCode(error.code).name or type(error).__name__

class Changes:
    """Says each change, or keeps those of many tags until they are asked for."""
    def __init__(self, are_said):
        self.are_said, self.kept, self.grown = are_said, {}, asyncio.Event()

    def datachange_notification(self, node, value, data):
        change = told(data.monitored_item.Value)
        if self.are_said:
            say(change={"node": node.nodeid.Identifier, **change})
        else:
            self.kept.setdefault(node.nodeid.Identifier, []).append(change["value"])
            self.grown.set()

    async def until(self, many):
        while sum(map(len, self.kept.values())) < many:
            self.grown.clear()
            await asyncio.wait_for(self.grown.wait(), PATIENCE_S)
        return self.kept

async def browse(client, index):
    found = {}
    for folder in await client.nodes.objects.get_children():
        if folder.nodeid.NamespaceIndex == index:
            tags = {}
            for tag in await folder.get_children():
                of = await tag.read_data_type_as_variant_type()
                tags[(await tag.read_browse_name()).Name] = [of.name, (await tag.read_description()).Text or ""]
            found[(await folder.read_browse_name()).Name] = tags
    return found

class Session:
    def __init__(self, client, index):
        self.client, self.index, self.saying, self.keeping = client, index, None, None

    def node(self, name):
        return self.client.get_node(ua.NodeId(name, self.index))

    async def obey(self, do, node, value):
        if do == "browse":
            say(found=await browse(self.client, self.index))
        elif do == "read":
            say(read=told(await self.node(node).read_data_value(raise_on_bad_status=False)))
        elif do == "write":
            await self.node(node).write_value(value)
            say(written=True)
        elif do == "delete":
            _, results = await self.client.delete_nodes([self.node(node)])
            results[0].check()
            say(deleted=True)
        elif do == "subscribe":
            await self.client.create_subscription(100, Changes(True))
            say(subscribed=True)
        elif do == "watch":
            self.saying = self.saying or await self.client.create_subscription(100, Changes(True))
            await self.saying.subscribe_data_change(self.node(node), queuesize=10, sampling_interval=value or 0.0)
            say(watched=True)
        elif do == "watch briefly":
            # Without a sign of life it runs out after three publishing intervals.
            how = ua.CreateSubscriptionParameters(100, 3, 1, 0, True, 0)
            brief = await self.client.create_subscription(how, Changes(False))
            await brief.subscribe_data_change(self.node(node))
            say(watched=True)
        elif do == "watch many":
            self.changes = Changes(False)
            self.keeping = await self.client.create_subscription(100, self.changes)
            nodes = [self.node(f"{node}{number}") for number in range(value)]
            for at in range(0, value, ITEMS_PER_CALL):
                await self.keeping.subscribe_data_change(nodes[at:at + ITEMS_PER_CALL], queuesize=10)
            say(watched=value)
        elif do == "latest":
            latest, many = value
            while sum(values[-1] == latest for values in self.changes.kept.values()) < many:
                self.changes.grown.clear()
                await asyncio.wait_for(self.changes.grown.wait(), PATIENCE_S)
            say(latest=value)
        elif do == "end":
            await self.client.disconnect()
            say(ended=True)
        elif do == "changes":
            kept = await self.changes.until(value)
            say(changes=sum(map(len, kept.values())), ordered=all(values == sorted(values) for values in kept.values()))

async def main(url, options):
    client = Client(url, timeout=20)
    client.application_uri = URI
    try:
        if "certificate" in options:
            policy = getattr(security_policies, "SecurityPolicy" + options["policy"])
            await client.set_security(policy, *options["certificate"], mode=ua.MessageSecurityMode[options["mode"]])
        if "user" in options:
            client.set_user(options["user"])
            client.set_password(options["password"])
        await client.connect()
    except Exception as error:
        say(refused=name_of(error))
        return
    session = Session(client, await client.get_namespace_index("urn:tidegate:tags"))
    say(connected=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while command := json.loads(await reader.readline() or "null"):
        try:
            await session.obey(command["do"], command["node"], command["value"])
        except Exception as error:
            say(failed=name_of(error))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
