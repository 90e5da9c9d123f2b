/* The lab's own network: a user, network and mount namespace in which the servers have their real
 * addresses, port 53 is free, and /etc/resolv.conf names the lab's resolver. Needs no root where
 * the kernel allows user namespaces. */
#include "app/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* We become root inside, and nothing more outside. */
static bool map_users(uid_t uid, gid_t gid)
{
    char map[64];
    (void)put_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)uid);
    if (!put_file("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)gid);
    return put_file("/proc/self/gid_map", map);
}

/* Runs `ip -batch -` with these lines. */
static bool run_ip(const struct text *batch)
{
    int fds[2], status = -1;
    if (pipe(fds) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {(char[]){"ip"}, (char[]){"-force"}, (char[]){"-batch"}, (char[]){"-"},
                        NULL};
        close(fds[1]);
        if (dup2(fds[0], 0) >= 0)
            execvp(argv[0], argv);
        _exit(127);
    }
    close(fds[0]);
    bool wrote = write(fds[1], batch->p, batch->n) == (ssize_t)batch->n;
    close(fds[1]);
    return pid > 0 && waitpid(pid, &status, 0) == pid && wrote && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

bool lab_enter_new_namespace(const struct topology *t, const char *dir, struct diag *d)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    char resolv[LAB_PATH];
    struct text batch = text_heap(1 << 20);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0 || !map_users(uid, gid)) {
        diag_set(d, SEV_ERROR, "namespace", "use the lab without --namespace",
                 "this system does not let you make a namespace: %s", strerror(errno));
        return false;
    }
    text_str(&batch, "link set lo up\n");
    for (unsigned i = 0; i < t->server_count; i++) {
        for (unsigned k = 0; k < t->server[i].addr_count; k++) {
            const struct netaddr *a = &t->server[i].addr[k];
            text_str(&batch, "addr add ");
            netaddr_text(a, &batch);
            text_fmt(&batch, "/%d dev lo%s\n", a->family == ADDR_V4 ? 32 : 128,
                     a->family == ADDR_V6 ? " nodad" : "");
        }
    }
    bool ok = run_ip(&batch);
    text_free(&batch);
    if (!ok) {
        diag_set(d, SEV_ERROR, "namespace", "the package iproute2 has it",
                 "`ip` could not set the addresses up");
        return false;
    }
    lab_path(resolv, dir, "resolv.conf");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(resolv, "/etc/resolv.conf", NULL, MS_BIND, NULL) != 0)
        fprintf(stderr, "note: /etc/resolv.conf stays as it is inside: %s\n", strerror(errno));
    return true;
}

bool lab_join_namespace(pid_t pid, struct diag *d)
{
    static const char *const kinds[] = {"user", "net", "mnt"};
    int fds[ARRAY_LEN(kinds)];
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kinds[i]);
        fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        ok = ok && fds[i] >= 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        ok = ok && setns(fds[i], 0) == 0;
        if (fds[i] >= 0)
            close(fds[i]);
    }
    if (!ok)
        diag_set(d, SEV_ERROR, "namespace", NULL, "cannot enter the lab's namespace: %s",
                 strerror(errno));
    return ok;
}
