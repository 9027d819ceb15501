// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The network's constitution: a genesis file in Besu's format (a Besu or GoQuorum QBFT
/// genesis boots unchanged), and which fork is in force at a block.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/types/header.h"

/// Rule sets, in order. "revision >= REV_BERLIN" reads as "Berlin is in force".
enum revision {
    REV_FRONTIER,
    REV_HOMESTEAD,
    REV_TANGERINE, ///< EIP-150
    REV_SPURIOUS,  ///< EIP-158/160/161/170
    REV_BYZANTIUM,
    REV_CONSTANTINOPLE,
    REV_PETERSBURG,
    REV_ISTANBUL,
    REV_BERLIN,
    REV_LONDON,
    REV_PARIS,
    REV_SHANGHAI,
    REV_CANCUN,
    REV_PRAGUE,
    REV_COUNT,
};

#define FORK_NEVER UINT64_MAX

/// Who decides that a block is sealed and what surrounds its transactions.
enum chain_engine {
    ENGINE_QBFT,    ///< no system calls, mixHash constant, difficulty 1
    ENGINE_MAINNET, ///< "mainnet rules, no engine": official blockchain tests
};

/// config.qbft and its transitions (Besu's keys, lower case). Times in milliseconds.
struct qbft_config {
    uint64_t block_period_ms;        ///< blockperiodseconds, or xblockperiodmilliseconds
    bool period_is_ms;               ///< given in milliseconds: timestamps may repeat
    uint64_t empty_block_period_ms;  ///< 0: empty blocks like full ones
    uint64_t request_timeout_ms;     ///< of round 0
    uint64_t max_request_timeout_ms; ///< cap of the doubling, default 60 s
    uint64_t epoch_length;
    u256_t block_reward_wei;
    bool has_beneficiary;
    address_t beneficiary; ///< miningbeneficiary
    bool has_validator_contract;
    address_t validator_contract;
    uint64_t message_queue_limit;   ///< messagequeuelimit
    uint64_t future_messages_limit; ///< futuremessageslimit
    uint64_t future_messages_max_distance;
    uint64_t per_tx_gas_limit; ///< pertxgaslimit, 0: no cap per transaction
};

/// One entry of config.transitions.qbft: from `block` on these hold; what was not given
/// stays as it was.
struct qbft_transition {
    uint64_t block;
    bool sets_period, sets_empty_period, sets_timeout, sets_reward, sets_beneficiary, sets_contract,
        sets_tx_gas_limit, sets_gas_price;
    uint64_t block_period_ms;
    bool period_is_ms;
    uint64_t empty_block_period_ms;
    uint64_t request_timeout_ms; ///< Cairn's own: Besu has no transition of it
    u256_t block_reward_wei;
    bool has_beneficiary; ///< false: back to the proposer
    address_t beneficiary;
    bool has_validator_contract; ///< false: back to header votes, with `validators`
    address_t validator_contract;
    uint64_t per_tx_gas_limit;
    bool gas_price;              ///< GoQuorum's gasPriceEnabled
    const address_t *validators; ///< override of the set for `block`, ascending; NULL if none
    size_t validator_count;
};

/// Numbers of blocks that the fork id counts (EIP-2124), at most.
#define FORK_ID_BLOCKS 24

struct chain_config {
    enum chain_engine engine;
    uint64_t chain_id;
    uint64_t fork_block[REV_COUNT];  ///< first block, FORK_NEVER if not by number
    uint64_t fork_time_s[REV_COUNT]; ///< first timestamp, FORK_NEVER if not by time
    /// Every block number above 0 that a fork key of the file names, also of forks without an
    /// effect on execution (the glaciers): for the fork id alone. In no order.
    uint64_t fork_id_block[FORK_ID_BLOCKS];
    size_t fork_id_block_count;
    bool zero_base_fee; ///< config.zeroBaseFee
    /// config.isQuorum: GoQuorum's rules. A gas limit may be any, gas has no price unless one is
    /// enabled, and COINBASE is the proposer whoever gets the fees.
    bool goquorum;
    uint64_t gas_price_block;     ///< isQuorum: enableGasPriceBlock; FORK_NEVER without it
    uint64_t contract_size_limit; ///< bytes; 24576 unless the genesis says otherwise
    struct qbft_config qbft;
    const struct qbft_transition *transitions; ///< ascending by block
    size_t transition_count;
};

/// What a block starts with: one account of `alloc`.
struct alloc_slot {
    hash_t key;
    u256_t value;
};
struct alloc_account {
    address_t address;
    uint64_t nonce;
    u256_t balance_wei;
    bytes_t code;
    const struct alloc_slot *slots; ///< ascending by key, without duplicates
    size_t slot_count;
};

struct genesis {
    struct chain_config config;
    struct header header; ///< state_root is still zero: state/genesis_state computes it
    const struct alloc_account *alloc; ///< sorted by address, without duplicates
    size_t alloc_count;
};

/// Reads a genesis file's JSON text. Everything is in `arena`. An unknown fork key or a
/// fork out of order is refused by name.
/// @return ERR_MALFORMED, ERR_INVALID, ERR_LIMIT, ERR_FULL; `detail` (may be NULL) then
///         tells which member, what was found and what is expected.
struct genesis_detail {
    char text[256];
};
MUST_USE err_t genesis_parse(struct genesis *out, struct arena *arena, bytes_t json,
                             struct genesis_detail *detail);

/// The rules in force for a block.
enum revision chain_revision(const struct chain_config *config, uint64_t number,
                             uint64_t timestamp_s);

/// config.qbft with the transitions up to `number` applied.
struct qbft_config chain_qbft_at(const struct chain_config *config, uint64_t number);

/// A GoQuorum network where gas has no price yet (neither enableGasPriceBlock nor a transition's
/// gasPriceEnabled): a transaction that offers one makes its block invalid.
bool chain_gas_is_free(const struct chain_config *config, uint64_t number);

/// The validator set that a transition (or GoQuorum's config.qbft.validators, as of block 0)
/// prescribes for exactly this block; NULL if none does.
const address_t *chain_qbft_validators_at(const struct chain_config *config, uint64_t number,
                                          size_t *count);

/// "Cancun", and back (case-insensitive; also "Merge" and the ethereum/tests spellings).
const char *revision_name(enum revision rev);
MUST_USE err_t revision_parse(enum revision *out, bytes_t name);
