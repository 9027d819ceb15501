// SPDX-License-Identifier: Apache-2.0
#include "wallet/ctx.h"

#include <stdarg.h>

const char *exit_kind(enum exit_code code)
{
    switch (code) {
    case EXIT_DONE:
        return "none";
    case EXIT_USAGE:
        return "usage";
    case EXIT_STORE:
        return "store";
    case EXIT_UNREACHABLE:
        return "unreachable";
    case EXIT_REFUSED:
        return "refused";
    case EXIT_REVERTED:
        return "reverted";
    case EXIT_SIMULATION:
        return "wouldRevert";
    case EXIT_PENDING:
        return "pending";
    case EXIT_ACCOUNT:
        return "account";
    case EXIT_UNVERIFIED:
        return "unverified";
    case EXIT_DECLINED:
        return "declined";
    case EXIT_INTERNAL:
        return "internal";
    }
    return "internal";
}

enum exit_code fail(struct ctx *ctx, enum exit_code code, const char *hint, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(ctx->message, sizeof ctx->message, fmt, args);
    va_end(args);
    (void)snprintf(ctx->hint, sizeof ctx->hint, "%s", hint != NULL ? hint : "");
    ctx->code = code;
    return code;
}

enum exit_code fail_err(struct ctx *ctx, enum exit_code code, const char *what, err_t err)
{
    return fail(ctx, code, NULL, "%s: %s", what, err_text(err));
}

void result_set(struct ctx *ctx, const char *key, json_t *value)
{
    if (ctx->result == NULL) ctx->result = json_object();
    (void)json_object_set_new(ctx->result, key, value != NULL ? value : json_null());
}
