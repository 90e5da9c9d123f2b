/* Threads for work that is cut into lanes: signing a large zone, verifying one. */
#ifndef BANYAN_IO_JOBS_H
#define BANYAN_IO_JOBS_H

#include "dnssec/sign.h"

/* Jobs on so many threads, the caller's among them; 0: as many as there are processors. A thread
 * that cannot be made is done without. */
struct sign_jobs jobs_threads(unsigned lanes);

#endif
