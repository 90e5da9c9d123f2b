/* The lab: a small Internet of our own on this machine, and how other commands find it.
 *
 * `banyan lab up` starts two processes, the lab's name servers (`banyan lab serve`, one process for
 * all of them) and a resolver (banyand), and leaves their particulars in the run directory: the
 * file `state`. */
#ifndef BANYAN_APP_LAB_H
#define BANYAN_APP_LAB_H

#include "base/diag.h"
#include "base/netaddr.h"
#include "sim/internet.h"

#include <sys/types.h>

enum { LAB_PATH = 1024 };

/* A process that the lab started: the start time tells it from a later one with the same number. */
struct lab_process {
    pid_t pid; /* 0: none */
    uint64_t started;
};

struct lab_state {
    char dir[LAB_PATH];      /* run directory */
    char data[LAB_PATH];     /* topology.yaml, zones/, faults/ */
    char control[LAB_PATH];  /* control socket of the resolver */
    char hints[LAB_PATH];    /* root hints file of the lab */
    struct netaddr resolver; /* with port */
    uint16_t upstream_port;  /* of all name servers of the lab */
    bool in_namespace;       /* addresses are only reachable from inside (`banyan lab shell`) */
    struct lab_process servers, daemon, keeper;
};

/* Finds a running lab: the one in the run directory of this user (or $BANYAN_LAB_RUN). False if
 * there is none whose processes both live. */
bool lab_find(struct lab_state *ret);
/* Reads the state file of a run directory, whether or not the processes live; false if there is
 * none. dir NULL: the usual one. */
bool lab_state_read(const char *dir, struct lab_state *ret);
enum status lab_state_write(const struct lab_state *s, struct diag *d) MUST_USE;
bool lab_process_lives(const struct lab_process *p);
/* The particulars of a process just started. */
struct lab_process lab_process_of(pid_t pid);
/* The usual run directory. */
void lab_run_dir(char ret[LAB_PATH]);
/* The folder with the lab's data: given, or $BANYAN_LAB, or beside the program. False with *d
 * filled. */
bool lab_data_dir(const char *given, char ret[LAB_PATH], struct diag *d);
/* dir/name */
void lab_path(char ret[LAB_PATH], const char *dir, const char *name);
/* The program of this name beside the running one, else just the name. */
void lab_program(const char *name, char ret[LAB_PATH]);

/* Reads topology.yaml of a data folder; every error is printed. The topology is to be freed. */
enum status lab_topology(const char *data, struct topology *ret) MUST_USE;
/* Prints diagnostics to standard error as they come. */
struct diag_sink lab_sink(void);
/* What is broken now (file `faults` of the run directory); n 0 if the file is not there. */
enum status lab_faults_read(const char *dir, struct breakage ret[INTERNET_BREAKAGES],
                            unsigned *ret_n, struct diag *d) MUST_USE;

struct lab_options {
    const char *dir, *data;
    bool in_namespace, json, list;
    uint16_t port;   /* first to try; 0: 5300 */
    int ready_fd;    /* serve: where to say that it is ready; -1: nowhere */
    unsigned anchor; /* anchor: bits of enum anchor_form; 0: DS and DNSKEY */
};

/* Forms of the root's trust anchor: master-file lines, and what goes into the configuration of
 * Unbound and of BIND. */
enum anchor_form { ANCHOR_DS, ANCHOR_DNSKEY, ANCHOR_UNBOUND, ANCHOR_BIND };
enum { ANCHOR_FORMS = 4 };
/* Appends it; data is the lab's folder. ST_ENOTFOUND with *d filled if the root is not signed. */
enum status lab_anchor_text(const char *data, const struct topology *t, enum anchor_form form,
                            struct text *out, struct diag *d) MUST_USE;

int lab_up(const struct lab_options *opt);
int lab_down(const struct lab_options *opt);
int lab_serve(const struct lab_options *opt);
int lab_shell(const struct lab_options *opt, char **argv);
int lab_break(const struct lab_options *opt, char **argv);
int lab_fix(const struct lab_options *opt, char **argv);
int lab_status(const struct lab_options *opt);
int lab_list(const struct lab_options *opt);
int lab_anchor(const struct lab_options *opt);

/* Makes new user, network and mount namespaces for the calling process, with every address of the
 * topology on its loopback device and `dir`/resolv.conf as its resolver file. False with *d filled.
 */
bool lab_enter_new_namespace(const struct topology *t, const char *dir, struct diag *d);
/* Joins those of a running process. */
bool lab_join_namespace(pid_t pid, struct diag *d);

int cmd_lab(int argc, char **argv);

#endif
