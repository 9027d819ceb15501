// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What may change while a node runs: log levels, static nodes, who may connect. Asked for by
/// signals (SIGHUP, SIGUSR1, SIGUSR2) and by admin_* on the local socket. Any thread.

#include "consensus/node/node.h"
#include "rpc/cairnd/config.h"
#include "rpc/ns/env.h"

struct control;

struct control_options {
    struct node *node;
    const struct config *config; ///< as it was read at the start
    const char *data_dir;
    int argc; ///< the command line, to read the settings again
    char **argv;
};

/// Notes what holds and puts the permissions in force.
/// @param detail  what is wrong with the file of permissions
/// @return ERR_INVALID, ERR_NOT_FOUND, ERR_IO, ERR_FULL
MUST_USE err_t control_new(struct control **out, const struct control_options *options,
                           char detail[400]);
void control_free(struct control *c); ///< NULL is allowed

/// For the service; lives as long as the control.
const struct rpc_control *control_rpc(struct control *c);

/// Reads settings, static nodes and permissions again, and logs what has changed. A mistake
/// changes nothing.
void control_reload(struct control *c);
/// One step more or less talkative.
void control_step_level(struct control *c, bool more);
