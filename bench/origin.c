/* A model server that costs nothing: reads requests, answers with a body of fixed size.
 *
 *   origin PORT ANSWER_BYTES DELAY_MS [rows]
 *
 * A target that starts with /sse is answered with a stream: /sse/N/MS sends N events, one every MS
 * milliseconds, each carrying the monotonic time at which it was written, in nanoseconds.
 * With a fourth word `rows` other answers are one prediction of KServe V1, filled up with white
 * space; without it they are no JSON, so that whoever samples them only learns that. One thread,
 * epoll. Bodies are counted, not stored.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, HEAD_MAX = 65536, DUE_MAX = 65536 };

struct connection {
    char *head;         /* what came of a head */
    int head_bytes;
    long body_left;     /* of the running request */
    int events_left;    /* of a stream */
    long event_ns;      /* between two events */
    uint64_t next_ns;   /* when the next event is due */
};

static struct connection connections[MAX_FD];
static char *answer;
static long answer_bytes, delay_ns;
static int streams[MAX_FD], n_streams;

/* Answers that are due: the delay is the same for all, so they are due in order. */
static struct { int fd; uint64_t at_ns; } due[DUE_MAX];
static unsigned due_first, due_last;

static uint64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + at.tv_nsec;
}

static void send_all(int fd, const char *data, long n) {
    while (n > 0) {
        ssize_t sent = write(fd, data, n);
        if (sent < 0) return; /* the reader is gone, or too slow for a benchmark */
        data += sent;
        n -= sent;
    }
}

static void send_event(int fd, struct connection *one) {
    char event[96], chunk[128];
    int n = sprintf(event, "data: %llu\n\n", (unsigned long long)now_ns());
    n = sprintf(chunk, "%x\r\n%s\r\n", n, event);
    if (--one->events_left == 0) n += sprintf(chunk + n, "0\r\n\r\n");
    send_all(fd, chunk, n);
    one->next_ns += one->event_ns;
}

static void begin_stream(int fd, struct connection *one, const char *head) {
    static const char start[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n";
    long ms = 0;
    sscanf(strchr(head, '/') , "/sse/%d/%ld", &one->events_left, &ms);
    one->event_ns = ms * 1000000;
    one->next_ns = now_ns() + one->event_ns;
    send_all(fd, start, sizeof start - 1);
    streams[n_streams++] = fd;
}

static void request_done(int fd, struct connection *one) {
    (void)one;
    if (delay_ns == 0) {
        send_all(fd, answer, answer_bytes);
        return;
    }
    due[due_last % DUE_MAX].fd = fd;
    due[due_last++ % DUE_MAX].at_ns = now_ns() + delay_ns;
}

/* Take bytes of one connection; what a pipelining client sends ahead is not expected here. */
static void received(int fd, char *data, long n) {
    struct connection *one = &connections[fd];
    while (n > 0) {
        if (one->body_left > 0) {
            long taken = n < one->body_left ? n : one->body_left;
            one->body_left -= taken;
            data += taken;
            n -= taken;
            if (one->body_left == 0) request_done(fd, one);
            continue;
        }
        long room = HEAD_MAX - 1 - one->head_bytes, taken = n < room ? n : room;
        memcpy(one->head + one->head_bytes, data, taken);
        one->head[one->head_bytes + taken] = 0;
        char *end = strstr(one->head, "\r\n\r\n");
        if (end == NULL) {
            one->head_bytes += taken;
            if (taken < n) { close(fd); }
            return;
        }
        long used = end + 4 - one->head - one->head_bytes;
        end[2] = 0;
        char *length = strcasestr(one->head, "\r\ncontent-length:");
        one->body_left = length ? atol(length + 17) : 0;
        one->head_bytes = 0;
        data += used;
        n -= used;
        if (strncmp(one->head, "GET /sse", 8) == 0) begin_stream(fd, one, one->head);
        else if (one->body_left == 0) request_done(fd, one);
    }
}

static void forget(int fd) {
    for (int i = 0; i < n_streams; i++)
        if (streams[i] == fd) streams[i--] = streams[--n_streams];
    close(fd);
}

/* Do what is due; give the time until the next thing is, in nanoseconds, -1 for never. */
static int64_t work_off(void) {
    uint64_t at = now_ns();
    int64_t wait = -1;
    while (due_first != due_last) {
        unsigned i = due_first % DUE_MAX;
        if (due[i].at_ns > at) { wait = due[i].at_ns - at; break; }
        send_all(due[i].fd, answer, answer_bytes);
        due_first++;
    }
    for (int i = 0; i < n_streams; i++) {
        struct connection *one = &connections[streams[i]];
        while (one->events_left > 0 && one->next_ns <= at) send_event(streams[i], one);
        if (one->events_left == 0) { streams[i--] = streams[--n_streams]; continue; }
        int64_t left = (int64_t)(one->next_ns - at);
        if (wait < 0 || left < wait) wait = left;
    }
    return wait;
}

int main(int n_arguments, char **arguments) {
    if (n_arguments != 4 && n_arguments != 5)
        return fprintf(stderr, "origin PORT ANSWER_BYTES DELAY_MS [rows]\n"), 2;
    long body = atol(arguments[2]);
    delay_ns = atol(arguments[3]) * 1000000;
    answer = malloc(body + 256);
    answer_bytes = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: %ld\r\n\r\n", body);
    memset(answer + answer_bytes, n_arguments == 5 ? ' ' : '1', body);
    if (n_arguments == 5) memcpy(answer + answer_bytes, "{\"predictions\": [0.5]}", 22);
    answer_bytes += body;

    int one = 1, listening = socket(AF_INET, SOCK_STREAM, 0), events = epoll_create1(0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listening, (void *)&at, sizeof at) || listen(listening, 4096)) return perror("origin"), 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, ready[256];
    epoll_ctl(events, EPOLL_CTL_ADD, listening, &event);
    static char data[262144];
    for (;;) {
        int64_t wait = work_off();
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(events, ready, 256, wait < 0 ? NULL : &timeout, NULL);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listening) {
                int client = accept(listening, NULL, NULL);
                if (client < 0 || client >= MAX_FD) continue;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                struct connection *made = &connections[client];
                char *head = made->head ? made->head : malloc(HEAD_MAX);
                *made = (struct connection){.head = head};
                event.data.fd = client;
                epoll_ctl(events, EPOLL_CTL_ADD, client, &event);
                continue;
            }
            ssize_t got = read(fd, data, sizeof data);
            if (got <= 0) forget(fd);
            else received(fd, data, got);
        }
    }
}
