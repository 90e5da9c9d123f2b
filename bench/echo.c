/* echo PORT: sends every datagram back with the QR bit set, in batches, on 127.0.0.1.
 *
 * What it costs is the kernel's share of an answer on this machine at this moment; a name server's
 * figures are read against it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64
#define SIZE  2048

static unsigned char data[BATCH][SIZE];
static struct sockaddr_in peer[BATCH];
static struct iovec vec[BATCH];
static struct mmsghdr msg[BATCH];

static int open_socket(const char *port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int bytes = 4 << 20;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        perror("echo");
        exit(1);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: echo PORT\n");
        return 2;
    }
    int fd = open_socket(argv[1]);

    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            vec[i] = (struct iovec){data[i], SIZE};
            msg[i].msg_hdr = (struct msghdr){.msg_name = &peer[i],
                                             .msg_namelen = sizeof peer[i],
                                             .msg_iov = &vec[i],
                                             .msg_iovlen = 1};
        }
        int got = recvmmsg(fd, msg, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < got; i++) {
            data[i][2] |= 0x80;
            vec[i].iov_len = msg[i].msg_len;
        }
        for (int sent = 0; sent < got;) {
            int n = sendmmsg(fd, msg + sent, (unsigned)(got - sent), 0);
            sent += n > 0 ? n : 1;
        }
    }
}
