// SPDX-License-Identifier: Apache-2.0
/// `cairnd network init`: a whole network from a few words (interfaces.md 2.3).

#include "chain/base/hex.h"
#include "chain/crypto/keystore.h"
#include "chain/crypto/random.h"
#include "chain/state/genesis_state.h"
#include "chain/types/address.h"
#include "chain/types/extra_data.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/genesis_file.h"
#include "rpc/cairnd/members.h"
#include "rpc/cairnd/network_up.h"
#include "rpc/cairnd/node_folder.h"
#include "rpc/jsonrpc/json_writer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NODES_MAX = 100, ACCOUNTS_MAX = 100 };

struct network {
    const char *dir;
    uint64_t validators;
    uint64_t observers;
    uint64_t accounts;
    u256_t fund_wei;
    struct genesis_plan plan;
    const char *members;
    const char *gov;
    const char *hosts; ///< "a,b,c"; "": all nodes are on this machine
    uint64_t p2p_port;
    uint64_t rpc_port;
    bool force;

    struct arena arena;
    struct node_folder_key nodes[NODES_MAX];
    address_t validator_addresses[NODES_MAX];
    struct genesis_funds funds[ACCOUNTS_MAX];
    struct buf genesis;
    hash_t genesis_hash;
};

// ---- flags --------------------------------------------------------------------------------

// clang-format off
enum flag { F_VALIDATORS, F_OBSERVERS, F_BY, F_CHAIN_ID, F_PERIOD, F_EMPTY, F_TIMEOUT, F_EPOCH, F_GAS_LIMIT,
            F_ZERO_BASE_FEE, F_ACCOUNTS, F_FUND, F_CONTRACTS, F_MEMBERS, F_GOV, F_HOSTS, F_P2P_PORT, F_RPC_PORT,
            F_DIR, F_FORCE, F_COUNT };
static const struct { const char *name; const char *otherwise; enum setting_kind kind; uint64_t min; uint64_t max; const char *help; }
flags[F_COUNT] = {
    [F_VALIDATORS]    = {"validators",         "4",     SETTING_COUNT,    1, NODES_MAX,          "nodes that make blocks"},
    [F_OBSERVERS]     = {"observers",          "0",     SETTING_COUNT,    0, NODES_MAX,          "nodes that follow"},
    [F_BY]            = {"validators-by",      "header", SETTING_TEXT,   0, 0,                  "who changes the validators: header (their votes) or contract (the DAO)"},
    [F_CHAIN_ID]      = {"chain-id",           "20482", SETTING_COUNT,    1, INT64_MAX,          "the network's number in every signature"},
    [F_PERIOD]        = {"block-period",       "1s",    SETTING_DURATION, 10, 3600000,           "time between blocks"},
    [F_EMPTY]         = {"empty-block-period", "0s",    SETTING_DURATION, 0, 86400000,           "time between empty blocks (0: like the others)"},
    [F_TIMEOUT]       = {"request-timeout",    "4s",    SETTING_DURATION, 1000, 3600000,         "time until another proposer is tried"},
    [F_EPOCH]         = {"epoch",              "30000", SETTING_COUNT,    1, INT64_MAX,          "blocks after which votes are forgotten"},
    [F_GAS_LIMIT]     = {"gas-limit",          "30M",   SETTING_AMOUNT,   1000000, INT64_MAX,    "gas of one block"},
    [F_ZERO_BASE_FEE] = {"zero-base-fee",      "on",    SETTING_SWITCH,   0, 1,                  "gas is free"},
    [F_ACCOUNTS]      = {"accounts",           "0",     SETTING_COUNT,    0, ACCOUNTS_MAX,       "funded accounts with keystores, for test networks"},
    [F_FUND]          = {"fund",               "1000ether", SETTING_TEXT, 0, 0,                  "what each of them starts with"},
    [F_CONTRACTS]     = {"system-contracts",   "on",    SETTING_SWITCH,   0, 1,                  "the federation's contracts in the genesis"},
    [F_MEMBERS]       = {"members",            "",      SETTING_TEXT,     0, 0,                  "JSON list of members and their tokens"},
    [F_GOV]           = {"gov",                "",      SETTING_TEXT,     0, 0,                  "JSON object of parameters of the system contracts"},
    [F_HOSTS]         = {"hosts",              "",      SETTING_TEXT,     0, 0,                  "machines, one per node, comma-separated (else all here)"},
    [F_P2P_PORT]      = {"p2p-port",           "30303", SETTING_COUNT,    1, 65000,              "where peers call; counted up if all are here"},
    [F_RPC_PORT]      = {"rpc-port",           "8545",  SETTING_COUNT,    1, 65000,              "where RPC answers; counted up if all are here"},
    [F_DIR]           = {"dir",                "net",   SETTING_TEXT,     0, 0,                  "folder to make"},
    [F_FORCE]         = {"force",              "off",   SETTING_SWITCH,   0, 1,                  "write into a folder that is not empty"},
};
// clang-format on

static int print_flags(void)
{
    (void)printf("usage: cairnd network init [FLAGS]\n\n");
    for (size_t i = 0; i < F_COUNT; i++) {
        (void)printf("  --%-20s %s%s%s%s\n", flags[i].name, flags[i].help,
                     flags[i].otherwise[0] != 0 ? " [" : "", flags[i].otherwise,
                     flags[i].otherwise[0] != 0 ? "]" : "");
    }
    (void)printf(
        "\nexample: cairnd network init --validators 1 --chain-id 20482 --block-period 250ms "
        "--dir net\n");
    return EXIT_DONE;
}

static bool read_flags(const char *text[F_COUNT], uint64_t number[F_COUNT], int argc, char **argv,
                       int *code)
{
    struct option table[F_COUNT + 1];
    const char *names[F_COUNT];
    memset(table, 0, sizeof table);
    for (size_t i = 0; i < F_COUNT; i++) {
        const bool is_switch = flags[i].kind == SETTING_SWITCH;
        table[i] = (struct option){flags[i].name, is_switch ? optional_argument : required_argument,
                                   NULL, 0x100 + (int)i};
        text[i] = flags[i].otherwise;
        names[i] = flags[i].name;
    }
    opterr = 0;
    optind = 1;
    for (int got; (got = getopt_long(argc, argv, ":", table, NULL)) != -1;) {
        if (got < 0x100) {
            const char *arg = argv[optind - 1];
            const char *near =
                got == ':' ? NULL : nearest_word(arg + strspn(arg, "-"), names, F_COUNT);
            *code =
                fail(EXIT_USAGE, "%s %s\nhint: %s%s", got == ':' ? "no value for" : "unknown flag",
                     arg, near != NULL ? "did you mean --" : "cairnd network init --help",
                     near != NULL ? near : "");
            return false;
        }
        const char *value = optarg;
        if (value == NULL) {
            const char *next = optind < argc ? argv[optind] : "";
            const bool word = strcmp(next, "on") == 0 || strcmp(next, "off") == 0;
            value = word ? next : "on";
            if (word) optind++;
        }
        text[got - 0x100] = value;
    }
    for (size_t i = 0; i < F_COUNT; i++) {
        const bool ok = setting_parse(&number[i], flags[i].kind, text[i]);
        const bool bounded = flags[i].max > 0;
        if (ok && (!bounded || (number[i] >= flags[i].min && number[i] <= flags[i].max))) continue;
        *code = fail(EXIT_USAGE, "--%s is \"%s\"\nhint: want %" PRIu64 " to %" PRIu64 "%s",
                     flags[i].name, text[i], flags[i].min, flags[i].max,
                     flags[i].kind == SETTING_DURATION ? " ms, written as 500ms or 2s" : "");
        return false;
    }
    return true;
}

/// "1000ether" in wei. Whole numbers of a unit.
static bool parse_fund(u256_t *out, const char *text)
{
    char digits[80];
    const size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof digits) return false;
    memcpy(digits, text, n);
    digits[n] = 0;
    uint64_t factor = 1;
    if (strcmp(text + n, "ether") == 0)
        factor = UINT64_C(1000000000000000000);
    else if (strcmp(text + n, "gwei") == 0)
        factor = 1000000000;
    else if (text[n] != 0 && strcmp(text + n, "wei") != 0)
        return false;
    u256_t amount;
    const u256_t unit = u256_from_u64(factor);
    return err_ok(u256_parse(&amount, bytes_of_str(digits))) &&
           u256_mul_checked(out, &amount, &unit);
}

static uint64_t host_count(const struct network *net)
{
    uint64_t count = net->hosts[0] != 0;
    for (const char *p = net->hosts; *p != 0; p++) count += *p == ',';
    return count;
}

/// The machine of a node: the n-th name of --hosts, or this one.
static void host_of(const struct network *net, uint64_t node, char *out, size_t cap)
{
    const char *from = net->hosts;
    for (uint64_t i = 0; i < node && net->hosts[0] != 0; i++) from = strchr(from, ',') + 1;
    if (net->hosts[0] == 0) from = "127.0.0.1";
    (void)snprintf(out, cap, "%.*s", (int)strcspn(from, ","), from);
}

/// A node's port: counted up where all share one machine.
static uint64_t port_of(const struct network *net, uint64_t base, uint64_t node)
{
    return net->hosts[0] != 0 ? base : base + node;
}

static bool configure(struct network *net, int argc, char **argv, int *code)
{
    const char *text[F_COUNT];
    uint64_t number[F_COUNT];
    if (!read_flags(text, number, argc, argv, code)) return false;
    net->dir = text[F_DIR];
    net->validators = number[F_VALIDATORS];
    net->observers = number[F_OBSERVERS];
    net->accounts = number[F_ACCOUNTS];
    net->members = text[F_MEMBERS];
    net->gov = text[F_GOV];
    net->hosts = text[F_HOSTS];
    net->p2p_port = number[F_P2P_PORT];
    net->rpc_port = number[F_RPC_PORT];
    net->force = number[F_FORCE] != 0;
    if (!parse_fund(&net->fund_wei, text[F_FUND])) {
        *code = fail(EXIT_USAGE, "--fund is \"%s\"\nhint: want an amount such as 1000ether",
                     text[F_FUND]);
        return false;
    }
    if (net->validators + net->observers > NODES_MAX) {
        *code = fail(EXIT_USAGE, "%" PRIu64 " nodes\nhint: want at most %d",
                     net->validators + net->observers, NODES_MAX);
        return false;
    }
    if (net->hosts[0] != 0 && host_count(net) != net->validators + net->observers) {
        *code = fail(EXIT_USAGE,
                     "--hosts names %" PRIu64 " machines for %" PRIu64
                     " nodes\nhint: want one for each, validators first",
                     host_count(net), net->validators + net->observers);
        return false;
    }
    const bool by_contract = strcmp(text[F_BY], "contract") == 0;
    if (!by_contract && strcmp(text[F_BY], "header") != 0) {
        *code = fail(EXIT_USAGE, "--validators-by is \"%s\"\nhint: want header or contract",
                     text[F_BY]);
        return false;
    }
    if (by_contract && number[F_CONTRACTS] == 0) {
        *code = fail(EXIT_USAGE, "--validators-by contract needs the system contracts\n"
                                 "hint: leave out --system-contracts off");
        return false;
    }
    net->plan = (struct genesis_plan){
        .validators_by_contract = by_contract,
        .chain_id = number[F_CHAIN_ID],
        .gas_limit = number[F_GAS_LIMIT],
        .block_period_ms = number[F_PERIOD],
        .empty_block_period_s = number[F_EMPTY] / 1000,
        .request_timeout_s = number[F_TIMEOUT] / 1000,
        .epoch_length = number[F_EPOCH],
        .zero_base_fee = number[F_ZERO_BASE_FEE] != 0,
        .system_contracts = number[F_CONTRACTS] != 0,
    };
    return true;
}

// ---- files --------------------------------------------------------------------------------

__attribute__((format(printf, 4, 5))) static err_t
write_file(const struct network *net, bytes_t content, unsigned mode, const char *fmt, ...)
{
    char name[512];
    char path[4608];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    (void)snprintf(path, sizeof path, "%.4000s/%s", net->dir, name);
    return file_write(path, content, mode);
}

static const char *role(const struct network *net, uint64_t node)
{
    return node < net->validators ? "validator" : "observer";
}

/// Number of a node within its role, from 1.
static uint64_t role_number(const struct network *net, uint64_t node)
{
    return node < net->validators ? node + 1 : node - net->validators + 1;
}

static err_t make_keys(struct network *net)
{
    for (uint64_t i = 0; i < net->validators + net->observers; i++) {
        char dir[4608];
        (void)snprintf(dir, sizeof dir, "%.4000s/%s-%" PRIu64, net->dir, role(net, i),
                       role_number(net, i));
        TRY(dir_make(dir));
        TRY(node_folder_make_key(&net->nodes[i], dir));
        if (i < net->validators) net->validator_addresses[i] = net->nodes[i].address;
    }
    // extraData lists validators in ascending order.
    for (uint64_t i = 1; i < net->validators; i++) {
        for (uint64_t k = i; k > 0; k--) {
            address_t *a = &net->validator_addresses[k - 1];
            address_t *b = &net->validator_addresses[k];
            if (address_cmp(a, b) <= 0) break;
            const address_t t = *a;
            *a = *b;
            *b = t;
        }
    }
    net->plan.validators = net->validator_addresses;
    net->plan.validator_count = net->validators;
    return OK;
}

/// Funded accounts: light keystores with passwords beside them, for test networks only.
static err_t make_accounts(struct network *net)
{
    if (net->accounts == 0) return OK;
    char dir[4608];
    (void)snprintf(dir, sizeof dir, "%.4000s/accounts", net->dir);
    TRY(dir_make(dir));
    (void)snprintf(dir, sizeof dir, "%.4000s/passwords", net->dir);
    TRY(dir_make(dir));
    for (uint64_t i = 0; i < net->accounts; i++) {
        struct secret_key *key = NULL;
        char *json = NULL;
        uint8_t random[16];
        char password[2 * sizeof random + 1];
        secp_pubkey_t pub;
        TRY(secret_new(&key));
        err_t err = secp_keygen(key);
        if (err_ok(err)) err = secp_pubkey_of(&pub, key);
        if (err_ok(err)) err = random_bytes(random, sizeof random);
        if (err_ok(err)) {
            hex_encode(password, BYTES_OF(random));
            err = keystore_encrypt(&json, key, bytes_of_str(password), KEYSTORE_COST_LIGHT);
        }
        secret_free(key);
        if (err_ok(err)) {
            err = write_file(net, bytes_of_str(json), 0600, "accounts/member-%" PRIu64 ".json",
                             i + 1);
        }
        if (err_ok(err)) {
            err = write_file(net, bytes_of_str(password), 0600, "passwords/member-%" PRIu64, i + 1);
        }
        free(json);
        TRY(err);
        net->funds[i] = (struct genesis_funds){secp_address(&pub), net->fund_wei};
    }
    net->plan.funds = net->funds;
    net->plan.fund_count = net->accounts;
    return OK;
}

static void put_enode(struct json_writer *w, const struct network *net, uint64_t node)
{
    char hex[2 * sizeof net->nodes[node].pub.b + 1];
    char host[256];
    char text[512];
    hex_encode(hex, BYTES_OF(net->nodes[node].pub.b));
    host_of(net, node, host, sizeof host);
    const bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(text, sizeof text, "enode://%s@%s%s%s:%" PRIu64, hex, v6 ? "[" : "", host,
                   v6 ? "]" : "", port_of(net, net->p2p_port, node));
    jw_str(w, text);
}

static err_t write_static_nodes(struct network *net)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    struct json_writer w = {&b, false};
    jw_open(&w, '[');
    for (uint64_t i = 0; i < net->validators + net->observers; i++) put_enode(&w, net, i);
    jw_close(&w, ']');
    buf_put_u8(&b, '\n');
    err_t err = write_file(net, buf_bytes(&b), 0644, "static-nodes.json");
    for (uint64_t i = 0; i < net->validators + net->observers && err_ok(err); i++) {
        err = write_file(net, buf_bytes(&b), 0644, "%s-%" PRIu64 "/static-nodes.json", role(net, i),
                         role_number(net, i));
    }
    buf_deinit(&b);
    return err;
}

/// network.json: what the network is, for people and tools.
static err_t write_summary(struct network *net)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    struct json_writer w = {&b, false};
    jw_open(&w, '{');
    jw_kv_int(&w, "chainId", (int64_t)net->plan.chain_id);
    jw_kv_hash(&w, "genesisHash", &net->genesis_hash);
    jw_kv_int(&w, "blockPeriodMs", (int64_t)net->plan.block_period_ms);
    jw_kv_int(&w, "toleratedFaults", (int64_t)qbft_faults(net->validators));
    jw_key(&w, "nodes");
    jw_open(&w, '[');
    for (uint64_t i = 0; i < net->validators + net->observers; i++) {
        char name[48];
        char url[48];
        (void)snprintf(name, sizeof name, "%s-%" PRIu64, role(net, i), role_number(net, i));
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%" PRIu64,
                       port_of(net, net->rpc_port, i)); // on its own machine
        jw_open(&w, '{');
        jw_kv_str(&w, "name", name);
        jw_kv_address(&w, "address", &net->nodes[i].address);
        jw_key(&w, "enode");
        put_enode(&w, net, i);
        jw_kv_str(&w, "rpc", url);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_key(&w, "accounts");
    jw_open(&w, '[');
    for (uint64_t i = 0; i < net->accounts; i++) jw_address(&w, &net->funds[i].address);
    jw_close(&w, ']');
    jw_close(&w, '}');
    buf_put_u8(&b, '\n');
    const err_t err = write_file(net, buf_bytes(&b), 0644, "network.json");
    buf_deinit(&b);
    return err;
}

static err_t write_node_files(struct network *net, uint64_t node)
{
    char text[1024];
    TRY(write_file(net, buf_bytes(&net->genesis), 0644, "%s-%" PRIu64 "/genesis.json",
                   role(net, node), role_number(net, node)));
    (void)snprintf(text, sizeof text,
                   "# Settings of this node: `cairnd config explain KEY` tells about each.\n"
                   "identity = \"%s-%" PRIu64 "\"\n\n[rpc]\nlisten = \"127.0.0.1:%" PRIu64
                   "\"\n\n[p2p]\nlisten = \"%s:%" PRIu64 "\"\n",
                   role(net, node), role_number(net, node), port_of(net, net->rpc_port, node),
                   net->hosts[0] != 0 ? "0.0.0.0" : "127.0.0.1", port_of(net, net->p2p_port, node));
    if (net->hosts[0] != 0) {
        char host[256];
        const size_t len = strlen(text);
        host_of(net, node, host, sizeof host);
        (void)snprintf(text + len, sizeof text - len, "advertise = \"%s\"\n", host);
    }
    const size_t so_far = strlen(text);
    (void)snprintf(
        text + so_far, sizeof text - so_far,
        "# The nodes of static-nodes.json are called always. With these two, nodes that are "
        "not on\n# that list find this one, and it finds them:\n"
        "# discovery = true\n# bootnodes = [\"enode://...\"]\n");
    TRY(write_file(net, bytes_of_str(text), 0644, "%s-%" PRIu64 "/cairnd.toml", role(net, node),
                   role_number(net, node)));
    static const char start[] =
        "#!/bin/sh\n"
        "# Runs this node; more flags may follow.\n"
        "exec \"${CAIRND:-cairnd}\" run --data-dir \"$(dirname \"$0\")\" \"$@\"\n";
    TRY(write_file(net, bytes_of_str(start), 0755, "%s-%" PRIu64 "/start.sh", role(net, node),
                   role_number(net, node)));
    (void)snprintf(
        text, sizeof text,
        "[Unit]\nDescription=Cairn %s %" PRIu64 "\nAfter=network-online.target\n\n"
        "[Service]\nType=notify\nNotifyAccess=main\nWatchdogSec=60\n"
        "ExecStart=/usr/bin/cairnd run --data-dir /var/lib/cairn\n"
        "ExecReload=/bin/kill -HUP $MAINPID\n"
        "Restart=on-failure\nTimeoutStopSec=30\nNoNewPrivileges=yes\nProtectSystem=strict\n"
        "ReadWritePaths=/var/lib/cairn\n\n[Install]\nWantedBy=multi-user.target\n",
        role(net, node), role_number(net, node));
    return write_file(net, bytes_of_str(text), 0644, "%s-%" PRIu64 "/cairnd.service",
                      role(net, node), role_number(net, node));
}

/// Writes the genesis and reads it back as every node will.
static err_t make_genesis(struct network *net, int *code)
{
    json_t *params = json_object();
    struct members_detail members = {""};
    // A block's period decides how many blocks a window must have.
    char period[24];
    (void)snprintf(period, sizeof period, "%" PRIu64, net->plan.block_period_ms);
    json_object_set_new(params, "blockPeriodMs", json_string(period));
    err_t err = members_merge(params, net->members, net->gov, &members);
    if (!err_ok(err)) {
        *code = fail(EXIT_USAGE, "%s", members.text);
        json_decref(params);
        return err;
    }
    struct system_detail detail = {""};
    net->plan.system_params = params;
    err = genesis_file_write(&net->genesis, &net->arena, &net->plan, &detail);
    json_decref(params);
    net->plan.system_params = NULL;
    struct genesis g;
    struct genesis_detail why = {""};
    if (err_ok(err)) {
        err = genesis_parse(&g, &net->arena, buf_bytes(&net->genesis), &why);
        if (err_ok(err)) err = genesis_seal(&g, &net->arena, &net->genesis_hash);
        if (!err_ok(err))
            *code =
                fail(EXIT_INTERNAL, "the genesis that was made: %s %s", err_text(err), why.text);
    } else {
        *code = fail(exit_of(err), "%s", detail.text[0] != 0 ? detail.text : err_text(err));
    }
    return err;
}

static err_t make_all(struct network *net, int *code)
{
    TRY(make_keys(net));
    TRY(make_accounts(net));
    TRY(make_genesis(net, code));
    TRY(write_file(net, buf_bytes(&net->genesis), 0644, "genesis.json"));
    TRY(write_static_nodes(net));
    for (uint64_t i = 0; i < net->validators + net->observers; i++) TRY(write_node_files(net, i));
    return write_summary(net);
}

static void report(const struct network *net)
{
    for (uint64_t i = 0; i < net->validators + net->observers; i++) {
        (void)printf("%s-%-3" PRIu64 " %s\n", role(net, i), role_number(net, i),
                     address_to_checksum(&net->nodes[i].address).s);
    }
    (void)printf("genesis   %s\nchain id  %" PRIu64 "\ntolerates %zu faulty of %" PRIu64
                 " validators\n",
                 hex_hash(&net->genesis_hash).s, net->plan.chain_id, qbft_faults(net->validators),
                 net->validators);
    if (net->hosts[0] != 0)
        (void)printf("next      copy each folder to its machine, there: cairnd run --data-dir "
                     "FOLDER\n");
    else if (net->validators + net->observers == 1)
        (void)printf("next      cairnd run --data-dir %s/validator-1\n", net->dir);
    else
        (void)printf("next      cairnd network up %s\n", net->dir);
    if (net->validators < 4) {
        (void)fprintf(stderr, "warning: below 4 validators no fault is tolerated\n");
    }
    static const uint64_t public_ids[] = {1, 10, 56, 100, 137, 8453, 42161, 17000, 11155111};
    for (size_t i = 0; i < ARRAY_LEN(public_ids); i++) {
        if (net->plan.chain_id != public_ids[i]) continue;
        (void)fprintf(stderr,
                      "warning: chain id %" PRIu64
                      " belongs to a public network: signatures could be "
                      "replayed there\n",
                      net->plan.chain_id);
    }
}

static int network_init(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return print_flags();
    }
    struct network *net = calloc(1, sizeof *net);
    if (net == NULL) return fail(EXIT_INTERNAL, "out of memory");
    int code = EXIT_DONE;
    buf_init(&net->genesis, (size_t)256 << 20);
    struct stat st;
    if (configure(net, argc, argv, &code)) {
        char path[4608];
        (void)snprintf(path, sizeof path, "%.4000s/genesis.json", net->dir);
        err_t err = OK;
        if (stat(path, &st) == 0 && !net->force) {
            code = fail(EXIT_USAGE, "there is a network in %s already\nhint: choose another --dir",
                        net->dir);
            err = FAIL(BUSY, "exists");
        }
        if (err_ok(err)) err = secp_setup();
        if (err_ok(err)) err = arena_init(&net->arena, (size_t)1 << 30);
        if (err_ok(err)) err = dir_make(net->dir);
        if (err_ok(err)) err = make_all(net, &code);
        if (!err_ok(err) && code == EXIT_DONE) {
            code = fail(err.kind == ERR_BUSY ? EXIT_USAGE : exit_of(err), "%s: %s%s", net->dir,
                        err_text(err), err.kind == ERR_BUSY ? "\nhint: choose another --dir" : "");
        }
        if (code == EXIT_DONE) report(net);
    }
    buf_deinit(&net->genesis);
    arena_deinit(&net->arena);
    free(net);
    return code;
}

int cmd_network(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "init") == 0) return network_init(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "up") == 0) return network_up(argc - 1, argv + 1);
    return fail(EXIT_USAGE,
                "want: cairnd network init [FLAGS] or cairnd network up DIR\nhint: cairnd network "
                "init --help");
}
