/* What a broker cannot do without: one thread, one receive and one send for each publication, nothing kept.
 *
 *   cc -O2 -o bare docs/bench/bare.c && ./bare 18830 &
 *   tidegate bench mqtt --only qos1.c2000 --json --broker 127.0.0.1:18830 --pid $!
 *
 * Answers CONNECT with CONNACK and PUBLISH at QoS 1 with PUBACK, for packets that arrive whole; for measuring only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT = 1, PUBLISH = 3, EVENTS_MAX = 1024, READ_BYTES = 8192 };

static void watch(int epoll, int socket, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = socket};
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

static void take(int epoll, int listener) {
    int one = 1, socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(epoll, socket, EPOLLIN | EPOLLET);
}

static int answer(const unsigned char *packet, unsigned char *out, int header_bytes) {
    if (packet[0] >> 4 == CONNECT) return memcpy(out, "\x20\x02\0\0", 4), 4;
    if (packet[0] >> 4 != PUBLISH) return 0;
    const unsigned char *topic = packet + header_bytes;
    const unsigned char *id = topic + 2 + (topic[0] << 8 | topic[1]);
    out[0] = 0x40, out[1] = 2, out[2] = id[0], out[3] = id[1];
    return 4;
}

static void serve(int socket) {
    static unsigned char in[READ_BYTES], out[READ_BYTES];
    int filled = recv(socket, in, sizeof in, 0), length = 0;
    if (filled <= 0) {
        close(socket);
        return;
    }
    for (int at = 0; at < filled;) {
        int body = 0, digits = 0;
        do body |= (in[at + 1 + digits] & 127) << 7 * digits;
        while (in[at + 1 + digits++] & 128);
        length += answer(in + at, out + length, 1 + digits);
        at += 1 + digits + body;
    }
    send(socket, out, length, MSG_NOSIGNAL);
}

int main(int count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(count > 1 ? atoi(arguments[1]) : 18830);
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, EVENTS_MAX)) return 1;
    watch(epoll, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int at = 0; at < ready; at++)
            events[at].data.fd == listener ? take(epoll, listener) : serve(events[at].data.fd);
    }
}
