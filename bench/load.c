/* A load generator that costs little: closed loop, one thread, epoll.
 *
 *   load PORT CONNECTIONS BODY_BYTES SECONDS KIND
 *
 * KIND `same`: all requests have the same head. `fresh`: each has a traceparent and a request id
 * of its own. `mesh`: as fresh, with the fields that meshes and gateways add (1 KiB of head).
 * `rows`: as same, with bodies that can be decoded: KServe V1, 16 columns of uniform numbers.
 * `sse/N/MS`: each connection reads one stream of N events; the figures are then the delays of the
 * events between the upstream's write and our read.
 *
 * Prints one line: requests errors seconds p50_us p90_us p99_us
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, HEAD_MAX = 4096, SAMPLES = 1 << 22 };

struct connection {
    char *request;      /* head and body, as they are sent */
    long request_bytes, sent_bytes;
    char *id;           /* where the changing digits stand, NULL for none */
    char head[HEAD_MAX];
    int head_bytes;
    long body_left;     /* -1: the head is not complete */
    uint64_t since_ns;
};

static struct connection *by_fd[MAX_FD];
static uint32_t *samples;
static long n_samples, n_done, n_errors, n_ids;
static int events, port, is_sse, n_open;

static uint64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + at.tv_nsec;
}

static void sample(uint64_t ns) {
    if (n_samples < SAMPLES) samples[n_samples++] = ns / 100 > 0xffffffffu ? 0xffffffffu : ns / 100;
}

static int by_value(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static double quantile_us(double q) {
    return n_samples ? samples[(long)(q * (n_samples - 1))] / 10.0 : 0;
}

static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (void *)&at, sizeof at)) { perror("load"); exit(1); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Write what is left of a request; ask to be told when there is room again. */
static void send_more(int fd, struct connection *one) {
    while (one->sent_bytes < one->request_bytes) {
        ssize_t sent = send(fd, one->request + one->sent_bytes,
                            one->request_bytes - one->sent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) break;
        one->sent_bytes += sent;
    }
    int is_done = one->sent_bytes == one->request_bytes;
    struct epoll_event event = {.events = EPOLLIN | (is_done ? 0 : EPOLLOUT), .data.fd = fd};
    epoll_ctl(events, EPOLL_CTL_MOD, fd, &event);
}

static void ask(int fd, struct connection *one) {
    if (one->id) {
        char digits[17];
        sprintf(digits, "%016lx", ++n_ids);
        memcpy(one->id, digits, 16);
    }
    one->head_bytes = 0;
    one->body_left = -1;
    one->sent_bytes = 0;
    one->since_ns = now_ns();
    if (one->request_bytes < 65536) {
        /* Small requests always fit: no need to ask for room. */
        if (send(fd, one->request, one->request_bytes, MSG_NOSIGNAL) == one->request_bytes) return;
    }
    send_more(fd, one);
}

static void answered(int fd, struct connection *one) {
    n_done++;
    sample(now_ns() - one->since_ns);
    ask(fd, one);
}

static void read_events(char *data, long n) {
    uint64_t at = now_ns();
    data[n] = 0;
    for (char *found = data; (found = strstr(found, "data: ")); found += 6) {
        n_done++;
        sample(at - strtoull(found + 6, NULL, 10));
    }
    if (n >= 5 && memcmp(data + n - 5, "0\r\n\r\n", 5) == 0) n_open--;
}

static void received(int fd, struct connection *one, char *data, long n) {
    if (is_sse) { read_events(data, n); return; }
    if (one->body_left < 0) {
        long room = HEAD_MAX - 1 - one->head_bytes, taken = n < room ? n : room;
        memcpy(one->head + one->head_bytes, data, taken);
        one->head[one->head_bytes + taken] = 0;
        char *end = strstr(one->head, "\r\n\r\n");
        if (end == NULL) { one->head_bytes += taken; return; }
        if (strncmp(one->head, "HTTP/1.1 200", 12) != 0) n_errors++;
        long used = end + 4 - one->head - one->head_bytes;
        char *length = strcasestr(one->head, "\r\ncontent-length:");
        one->body_left = length ? atol(length + 17) : 0;
        data += used;
        n -= used;
    }
    one->body_left -= n;
    if (one->body_left == 0) answered(fd, one);
}

/* Write as many rows as there is room for; white space fills what is left. */
static void write_rows(char *at, long room) {
    static uint32_t state = 1;
    long used = sprintf(at, "{\"instances\": [");
    char row[16 * 7 + 8];
    for (int n = 0;; n++) {
        long length = sprintf(row, n ? ", [" : "[");
        for (int column = 0; column < 16; column++) {
            state = state * 1664525u + 1013904223u;
            length += sprintf(row + length, "%s0.%03u", column ? ", " : "", (state >> 8) % 1000);
        }
        length += sprintf(row + length, "]");
        if (used + length + 2 > room) break;
        memcpy(at + used, row, length);
        used += length;
    }
    memcpy(at + used, "]}", 2);
    memset(at + used + 2, ' ', room - used - 2);
}

static struct connection *prepare(const char *kind, long body_bytes) {
    struct connection *one = calloc(1, sizeof *one);
    char *at = one->request = malloc(body_bytes + 4096);
    if (is_sse) {
        at += sprintf(at, "GET /%s HTTP/1.1\r\nHost: model\r\n\r\n", kind);
    } else {
        at += sprintf(at, "POST /v1/models/m:predict HTTP/1.1\r\nHost: model:8080\r\n"
                          "User-Agent: bench/1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
                          "Content-Type: application/json\r\nContent-Length: %ld\r\n", body_bytes);
        if (strcmp(kind, "mesh") == 0)
            at += sprintf(at, "Authorization: Bearer %0700d\r\nX-Envoy-Attempt-Count: 1\r\n"
                              "X-B3-Sampled: 1\r\nX-Envoy-Internal: true\r\nCookie: a=%064d\r\n"
                              "X-Tenant: acme\r\nX-Client: python\r\nX-Region: eu\r\n", 1, 2);
        int is_rows = strcmp(kind, "rows") == 0;
        if (strcmp(kind, "same") != 0 && !is_rows) {
            at += sprintf(at, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
            one->id = at;
            at += sprintf(at, "0000000000000000-01\r\n");
        }
        at += sprintf(at, "\r\n");
        if (is_rows) write_rows(at, body_bytes);
        else memset(at, '1', body_bytes);
        at += body_bytes;
    }
    one->request_bytes = at - one->request;
    return one;
}

int main(int n_arguments, char **arguments) {
    if (n_arguments != 6)
        return fprintf(stderr, "load PORT CONNECTIONS BODY_BYTES SECONDS KIND\n"), 2;
    port = atoi(arguments[1]);
    int n_connections = atoi(arguments[2]);
    long body_bytes = atol(arguments[3]);
    uint64_t length_ns = (uint64_t)(atof(arguments[4]) * 1e9);
    is_sse = strncmp(arguments[5], "sse", 3) == 0;
    samples = malloc(SAMPLES * sizeof *samples);
    events = epoll_create1(0);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < n_connections; i++) {
        int fd = dial();
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(events, EPOLL_CTL_ADD, fd, &event);
        by_fd[fd] = prepare(arguments[5], body_bytes);
        n_open++;
        ask(fd, by_fd[fd]);
    }
    static char data[262144 + 1];
    struct epoll_event ready[256];
    uint64_t begun_ns = now_ns(), end_ns = begun_ns + length_ns;
    while (now_ns() < end_ns && n_open > 0) {
        int n = epoll_wait(events, ready, 256, 100);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (ready[i].events & EPOLLOUT) send_more(fd, by_fd[fd]);
            if (!(ready[i].events & EPOLLIN)) continue;
            ssize_t got = read(fd, data, sizeof data - 1);
            if (got <= 0) { n_errors++; n_open--; close(fd); continue; }
            received(fd, by_fd[fd], data, got);
        }
    }
    double seconds = (now_ns() - begun_ns) / 1e9;
    qsort(samples, n_samples, sizeof *samples, by_value);
    printf("%ld %ld %.6f %.1f %.1f %.1f\n", n_done, n_errors, seconds, quantile_us(.5),
           quantile_us(.9), quantile_us(.99));
    return 0;
}
