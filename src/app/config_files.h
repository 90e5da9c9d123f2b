/* Whether the files that a configuration names can be read by the server that it is for. */
#ifndef BANYAN_APP_CONFIG_FILES_H
#define BANYAN_APP_CONFIG_FILES_H

#include "config/config.h"

/* Reads the zone files, root hints and trust anchors as the server would at its start, and
 * complains of each that it would not take; warns of what has run out by now. file: the
 * configuration's. */
void config_files_check(const struct config *c, const char *file, struct diag_sink *sink);

#endif
