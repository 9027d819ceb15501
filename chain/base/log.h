// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One event, one line: time, level, module, message, key=value fields. Only the
/// edges log; pure cores return effects and errors. Nothing is formatted when the
/// level is off. Safe from any thread. Text from outside is escaped. A warning or error is written
/// once in 10 s; what was left out is counted in the next (`repeated=N`).
///
///     LOG_INF("qbft", "imported block", "number=%" PRIu64 " txs=%zu", n, txs);

#include <stdbool.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/// Where and how to write: set once at start, before threads exist.
struct log_config {
    FILE *out; ///< default stderr
    bool json; ///< one JSON object per line instead of text
};
void log_setup(const struct log_config *config);

/// `spec`: "info", or "info,p2p=debug". @return false if it does not parse.
bool log_set_levels(const char *spec);
bool log_enabled(enum log_level level, const char *module);
void log_line(enum log_level level, const char *module, const char *message, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/// The last warnings and errors, oldest first, each one line of text without its end.
struct log_recent {
    char text[320];
};
#define LOG_RECENT_MAX 8U
/// @return how many were copied to `out`, which has room for LOG_RECENT_MAX
size_t log_recent_get(struct log_recent *out);

#define LOG_AT(LEVEL, MODULE, MESSAGE, ...)                                                        \
    do {                                                                                           \
        if (log_enabled((LEVEL), (MODULE))) log_line((LEVEL), (MODULE), (MESSAGE), __VA_ARGS__);   \
    } while (0)
#define LOG_ERR(MODULE, MESSAGE, ...) LOG_AT(LOG_ERROR, MODULE, MESSAGE, __VA_ARGS__)
#define LOG_WRN(MODULE, MESSAGE, ...) LOG_AT(LOG_WARN, MODULE, MESSAGE, __VA_ARGS__)
#define LOG_INF(MODULE, MESSAGE, ...) LOG_AT(LOG_INFO, MODULE, MESSAGE, __VA_ARGS__)
#define LOG_DBG(MODULE, MESSAGE, ...) LOG_AT(LOG_DEBUG, MODULE, MESSAGE, __VA_ARGS__)
