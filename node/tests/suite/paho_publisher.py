"""A device with paho-mqtt: publishes numbers with QoS 1 as it is told on standard input, and answers each order with a line.

Arguments: port, keep-alive in seconds, topic (line/7/temp by default).

publish N      queues N more numbers
acknowledged   waits until everything published is acknowledged
sessions       says of each CONNACK so far whether a session was present
reconnect      leaves in order and comes back
"""

import sys

import paho.mqtt.client as mqtt

PATIENCE_S = 60

port, keep_alive_s = int(sys.argv[1]), int(sys.argv[2])
topic = sys.argv[3] if len(sys.argv) > 3 else "line/7/temp"
sessions, published = [], []
client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2, client_id="press-7", clean_session=False, protocol=mqtt.MQTTv311
)
client.reconnect_delay_set(min_delay=0.05, max_delay=0.2)
client.on_connect = lambda client, userdata, flags, reason, properties: sessions.append(flags.session_present)


def begin():
    client.connect("127.0.0.1", port, keepalive=keep_alive_s)
    client.loop_start()


def end():
    client.disconnect()
    client.loop_stop()


def publish(many):
    for number in range(len(published), len(published) + many):
        published.append(client.publish(topic, str(number), qos=1))
    return f"published {len(published)}"


def acknowledged():
    for message in published:
        message.wait_for_publish(PATIENCE_S)
    return f"acknowledged {sum(message.is_published() for message in published)}"


begin()
for order in sys.stdin:
    match order.split():
        case ["publish", many]:
            answer = publish(int(many))
        case ["acknowledged"]:
            answer = acknowledged()
        case ["sessions"]:
            answer = " ".join(str(present) for present in sessions)
        case ["reconnect"]:
            end()
            begin()
            answer = "reconnected"
    print(answer, flush=True)
end()
