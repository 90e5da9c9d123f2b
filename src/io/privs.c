#include "io/privs.h"

#include "io/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

bool privs_lookup(const char *user, const char *group, unsigned *ret_uid, unsigned *ret_gid)
{
    const struct passwd *pw = getpwnam(user);
    if (pw == NULL)
        return false;
    *ret_uid = pw->pw_uid;
    *ret_gid = pw->pw_gid;
    if (group == NULL)
        return true;
    const struct group *gr = getgrnam(group);
    if (gr != NULL)
        *ret_gid = gr->gr_gid;
    return gr != NULL;
}

/* Does a map file of this user namespace (`inside outside count` lines) know the number? */
static bool is_mapped(const char *file, unsigned id)
{
    FILE *f = fopen(file, "re");
    unsigned first, outside, count;
    bool found = f == NULL; /* no user namespaces: every number is known */
    while (!found && f != NULL && fscanf(f, "%u %u %u", &first, &outside, &count) == 3)
        found = id >= first && id - first < count;
    if (f != NULL)
        fclose(f);
    return found;
}

/* No capability is needed any more, and none may come back. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getuid() != 0)
        syscall(SYS_capset, &head, none);
}

bool privs_drop(const char *user, const char *group, struct diag *d)
{
    unsigned uid = 0, gid = 0;
    if (user == NULL) {
        if (geteuid() == 0)
            log_event(LEVEL_DEBUG, "runs-as-root", "hint=\"set server.user\"");
        drop_capabilities();
        return true;
    }
    if (!privs_lookup(user, group, &uid, &gid)) {
        diag_set(d, SEV_ERROR, "user", "`adduser --system --group NAME` makes one",
                 "there is no user %s%s%s", user, group ? " or group " : "", group ? group : "");
        return false;
    }
    if (geteuid() == uid && getegid() == gid) {
        drop_capabilities();
        return true;
    }
    if (geteuid() != 0) {
        diag_set(d, SEV_ERROR, "user", "start it as root, or leave server.user out",
                 "cannot become user %s: not started as root", user);
        return false;
    }
    if (!is_mapped("/proc/self/uid_map", uid) || !is_mapped("/proc/self/gid_map", gid)) {
        log_event(LEVEL_WARNING, "user-not-changed",
                  "user=%s reason=\"this user namespace has no such user\"", user);
        return true;
    }
    /* The order matters: groups can be changed only while still root. */
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
        diag_set(d, SEV_ERROR, "user", NULL, "cannot become user %s: %s", user, strerror(errno));
        return false;
    }
    if (uid != 0 && setuid(0) == 0) {
        diag_set(d, SEV_ERROR, "user", NULL, "root could be had back after becoming %s", user);
        return false;
    }
    drop_capabilities();
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    log_event(LEVEL_INFO, "user-changed", "user=%s uid=%u gid=%u", user, uid, gid);
    return true;
}

void privs_raise_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

void notify_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof sa.sun_path)
        return;
    memcpy(sa.sun_path, path, strlen(path));
    if (path[0] == '@')
        sa.sun_path[0] = '\0'; /* abstract */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
        log_event(LEVEL_WARNING, "notify-failed", "error=\"%s\"", strerror(errno));
    close(fd);
}
