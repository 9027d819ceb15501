// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "wallet/out.h"

#ifndef CAIRN_VERSION
#define CAIRN_VERSION "0.1.0"
#endif

// A table.
// clang-format off

static const struct option_def new_options[] = {
    {"path", "PATH", "derivation path (default m/44'/60'/0'/0/0)"},
    {"no-words", NULL, "a key alone, without words"},
    {"light-kdf", NULL, "cheap scrypt: tests and throw-away keys only"},
    {0},
};
static const struct option_def import_options[] = {
    {"mnemonic", NULL, "words from the terminal (hidden) or a pipe"},
    {"mnemonic-file", "F", "words from a file"},
    {"key-file", "F", "64 hexadecimal digits in a file"},
    {"keystore", "F", "another wallet's keystore file (version 3)"},
    {"path", "PATH", "derivation path of words (default m/44'/60'/0'/0/0)"},
    {"light-kdf", NULL, "cheap scrypt: tests and throw-away keys only"},
    {0},
};
static const struct option_def export_options[] = {
    {"out", "FILE", "where it goes; must not exist (needed)"},
    {"private-key", NULL, "the bare key in hex instead of the keystore file (dangerous)"},
    {0},
};
static const struct option_def passwd_options[] = {
    {"new-password-file", "F", "the new password is the first line of F"},
    {"light-kdf", NULL, "cheap scrypt: tests and throw-away keys only"},
    {0},
};
static const struct option_def sign_options[] = {
    {"text", "TEXT", "the message itself instead of a file"},
    {0},
};
static const struct option_def verify_signature_options[] = {
    {"text", "TEXT", "the message itself instead of a file"},
    {"signature", "0x..", "65 bytes: r, s, v (needed)"},
    {"signer", "ACCOUNT|ADDRESS", "who must have signed; else the answer says who did"},
    {0},
};
static const struct option_def typed_verify_options[] = {
    {"signature", "0x..", "65 bytes: r, s, v (needed)"},
    {"signer", "ACCOUNT|ADDRESS", "who must have signed; else the answer says who did"},
    {0},
};
static const struct option_def add_options[] = {
    {"chain-id", "N", "refuse any other chain from the beginning"},
    {0},
};
static const struct option_def send_options[] = {
    {"data", "0x..", "call data"},
    {0},
};
static const struct option_def tx_call_options[] = {
    {"value", "AMOUNT", "ether to send along"},
    {0},
};
static const struct option_def deploy_code_options[] = {
    {"constructor", "TYPES", "types of its arguments, like \"(address,uint256)\"; not needed with an ABI"},
    {"value", "AMOUNT", "ether to send along"},
    {0},
};
static const struct option_def sign_tx_options[] = {
    {"out", "FILE", "write the signed transaction there"},
    {0},
};
static const struct option_def call_options[] = {
    {"block", "N", "number or tag of the block to ask at (default latest)"},
    {0},
};
static const struct option_def family_options[] = {
    {"params", "N", "number of parameters (needed)"},
    {"policy", "P", "fedavg, multikrum or an address (default fedavg)"},
    {"faulty", "F", "faulty participants the policy must bear (default 0)"},
    {"scale", "BITS", "fractional bits of the fixed point (default 16)"},
    {"weight-max", "W", "cap of one participant's weight, 1 to 64 (default 64)"},
    {"clip", "C", "L2 bound of one update, in units of 2^-scale (default 2097152)"},
    {"lr-num", "N", "numerator of the server's learning rate (default 1)"},
    {"lr-den", "N", "its denominator (default 1)"},
    {"slash-no-reveal", "BPS", "of the bond, for a commit without reveal (default 500)"},
    {"slash-late", "BPS", "of a skipped aggregator's bond (default 100)"},
    {"task", "TEXT", "the task in words; its hash is stored"},
    {0},
};
static const struct option_def register_options[] = {
    {"kind", "K", "genesis (default), fineTune, merge, distilled, quantised, import"},
    {"parent", "VERSION", "a version it comes from; may be repeated, at most 8"},
    {"card", "FILE", "model card; its sha256 is stored"},
    {0},
};
static const struct option_def lineage_options[] = {
    {"depth", "N", "how many generations (default 16)"},
    {0},
};
static const struct option_def verify_options[] = {
    {"version", "VERSION", "the version it must be"},
    {0},
};
static const struct option_def deploy_options[] = {
    {"channel", "NAME", "channel to point at it (default stable)"},
    {0},
};
static const struct option_def open_options[] = {
    {"base", "VERSION", "version the round starts from (needed)"},
    {"pool", "AMOUNT", "reward, from the family's pool (default 0)"},
    {"n-min", "N", "commits below which the round fails (default 1)"},
    {"n-max", "N", "commits at which the window closes, at most 40 (default 16)"},
    {"commit-time", "TIME", "commit window (default 1d)"},
    {"reveal-time", "TIME", "reveal window (default 1d)"},
    {"aggregate-time", "TIME", "window of one aggregator (default 6h)"},
    {"challenge-time", "TIME", "challenge window (default 1d)"},
    {"claim-time", "TIME", "until unclaimed rewards go to the treasury (default 180d)"},
    {"min-blocks", "N", "least length of each window in blocks (default 10)"},
    {"seed-span", "N", "blocks whose hashes make the seed, 1 to 8 (default 4)"},
    {0},
};
static const struct option_def commit_options[] = {
    {"update", "FILE", "the update, safetensors (needed)"},
    {"base", "FILE", "the base model it was trained from (needed)"},
    {"weight", "N", "rows trained on (needed); more than the family's cap counts as the cap"},
    {0},
};
static const struct option_def reveal_options[] = {
    {"publish", "DIR", "put the update there for the aggregators"},
    {0},
};
static const struct option_def aggregate_options[] = {
    {"base", "FILE", "the round's base model (needed)"},
    {"updates", "DIR", "where participants published their updates (needed)"},
    {"out", "FILE", "where the new model goes"},
    {0},
};
static const struct option_def claim_options[] = {
    {"all", NULL, "every round with something to claim"},
    {0},
};
static const struct option_def vote_options[] = {
    {"reason", "TEXT", "stored with the vote, for all to read"},
    {"by-sig", NULL, "sign only: somebody else sends it and pays"},
    {"out", "FILE", "with --by-sig: where the signed vote goes"},
    {0},
};
static const struct option_def watch_options[] = {
    {"until", "STATE", "end there; else at the end (--timeout ends it earlier)"},
    {0},
};
static const struct option_def list_options[] = {
    {"state", "S", "only those in this state"},
    {0},
};
static const struct option_def proof_export_options[] = {
    {"round", "N", "the finalised round (needed)"},
    {"participant", "ACCOUNT|ADDRESS", "whose contribution (default: your account's)"},
    {"out", "FILE", "where the proof goes (default: standard output)"},
    {"validators", "FILE", "whose seals count: a genesis file or a list (default: those pinned)"},
    {0},
};
static const struct option_def proof_verify_options[] = {
    {"validators", "FILE", "whose seals count: a genesis file or a list (default: those pinned)"},
    {0},
};
static const struct option_def train_options[] = {
    {"data", "FILE", "the data set's CSV file (needed)"},
    {"party", "P", "hospital A to G, evaluator E1 to E3, or evaluators"},
    {"rows", "FIRST:COUNT", "rows of the sorted data set instead"},
    {"base", "FILE", "model to start from (needed)"},
    {"out", "FILE", "where the update goes (needed)"},
    {"poison", NULL, "train on flipped labels and boost twentyfold"},
    {0},
};
static const struct option_def genesis_options[] = {
    {"out", "FILE", "where the model goes (needed)"},
    {0},
};
static const struct option_def evaluate_options[] = {
    {"data", "FILE", "the data set's CSV file (needed)"},
    {"party", "P", "hospital A to G, evaluator E1 to E3, or evaluators"},
    {"rows", "FIRST:COUNT", "rows of the sorted data set instead"},
    {0},
};

#define ANY OPTIONS_MAX_ARGS

const struct command COMMANDS[] = {
    {"account", "new", "NAME", 1, 1, "Makes an account: twelve words, a key, a keystore file.",
     new_options,
     {"cairn account new alice", "cairn account new bot --no-words --yes --password-file pw"},
     "cairn help keys", cmd_account_new},
    {"account", "import", "NAME", 1, 1, "Brings an account in: from words, a key or a keystore.",
     import_options,
     {"cairn account import alice --mnemonic", "cairn account import bob --key-file key.hex",
      "cairn account import carol --keystore UTC--2026.json"},
     "cairn help keys", cmd_account_import},
    {"account", "list", "", 0, 0, "Lists the wallet's accounts; needs no password.", NULL,
     {"cairn account list", "cairn account list --json"}, NULL, cmd_account_list},
    {"account", "show", "[ACCOUNT]", 0, 1, "Shows an account's address and file.", NULL,
     {"cairn account show alice"}, NULL, cmd_account_show},
    {"account", "balance", "[ACCOUNT|ADDRESS]", 0, 1, "Shows ether, tokens and nonce.", NULL,
     {"cairn account balance alice", "cairn account balance --json"},
     "cairn reward balance", cmd_account_balance},

    {"account", "export", "ACCOUNT", 1, 1, "Copies an account's keystore file out of the wallet.",
     export_options,
     {"cairn account export alice --out alice.json"}, "cairn account import", cmd_account_export},
    {"account", "rename", "ACCOUNT NAME", 2, 2, "Gives an account another name.", NULL,
     {"cairn account rename alice alice.old"}, NULL, cmd_account_rename},
    {"account", "passwd", "ACCOUNT", 1, 1, "Changes an account's password.", passwd_options,
     {"cairn account passwd alice"}, NULL, cmd_account_passwd},
    {"account", "remove", "ACCOUNT", 1, 1, "Deletes an account's key from this machine.", NULL,
     {"cairn account remove alice"}, "cairn account backup", cmd_account_remove},
    {"account", "backup", "FOLDER", 1, 1,
     "Copies all keys, the salts of commits and the networks into a new folder.", NULL,
     {"cairn account backup /media/usb/cairn"}, "cairn help keys", cmd_account_backup},

    {"sign", "message", "[FILE]", 0, 1, "Signs a message (EIP-191); `-` is standard input.",
     sign_options,
     {"cairn sign message letter.txt --account alice", "cairn sign message --text hello"},
     "cairn verify message", cmd_sign_message},
    {"sign", "typed", "FILE", 1, 1, "Signs typed data (EIP-712) after showing every field.", NULL,
     {"cairn sign typed vote.json --account alice"}, "cairn verify typed", cmd_sign_typed},
    {"verify", "message", "[FILE]", 0, 1, "Says who signed a message; 16 if not --signer.",
     verify_signature_options,
     {"cairn verify message letter.txt --signature 0x... --signer alice"}, "cairn sign message",
     cmd_verify_message},
    {"verify", "typed", "FILE", 1, 1, "Says who signed typed data; 16 if not --signer.",
     typed_verify_options,
     {"cairn verify typed vote.json --signature 0x... --signer alice"}, "cairn sign typed",
     cmd_verify_typed},

    {"config", "show", "", 0, 0, "Shows every setting and where it comes from.", NULL,
     {"cairn config show", "cairn config show --json"}, "cairn network list", cmd_config_show},

    {"network", "add", "NAME", 1, 1, "Names a network (--rpc URL) and pins its chain.", add_options,
     {"cairn network add clinic --rpc http://10.0.0.5:8545"}, NULL, cmd_network_add},
    {"network", "use", "NAME", 1, 1, "Makes a network the current one.", NULL,
     {"cairn network use clinic"}, NULL, cmd_network_use},
    {"network", "list", "", 0, 0, "Lists the networks.", NULL,
     {"cairn network list"}, NULL, cmd_network_list},
    {"network", "forget", "NAME|URL", 1, 1, "Forgets a network, or the chain pinned to an address.",
     NULL,
     {"cairn network forget http://127.0.0.1:8545"}, NULL, cmd_network_forget},
    {"network", "status", "", 0, 0, "Shows node, chain, head, and whether the contracts are there.",
     NULL,
     {"cairn network status"}, NULL, cmd_network_status},

    {"tx", "send", "TO AMOUNT", 2, 2, "Sends ether (and data).", send_options,
     {"cairn tx send bob 0.5", "cairn tx send 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 3gwei"},
     "cairn help units", cmd_tx_send},
    {"tx", "call", "TO SIGNATURE [ARG..]", 2, ANY, "Calls a contract by a transaction.",
     tx_call_options,
     {"cairn tx call CairnToken transfer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 1000",
      "cairn tx call 0x5FbDB2315678afecb367f032d93F642f64180aa3 \"set(uint256[])\" [1,2,3]"},
     "cairn call", cmd_tx_call},
    {"tx", "show", "HASH", 1, 1, "Shows a transaction: call, events, or why it failed.", NULL,
     {"cairn tx show 0x3f..."}, NULL, cmd_tx_show},
    {"tx", "deploy", "FILE [ARG..]", 1, ANY,
     "Creates a contract: FILE is bytecode in hex, or a compiler's artifact.", deploy_code_options,
     {"cairn tx deploy Coin.json 1000000 alice",
      "cairn tx deploy coin.hex 1000000 --constructor \"(uint256)\""}, "cairn tx call", cmd_tx_deploy},
    {"tx", "sign", "FILE", 1, 1,
     "Signs what --unsigned wrote; needs no node.", sign_tx_options,
     {"cairn tx sign tx.json --out tx.signed"}, "cairn help offline", cmd_tx_sign},
    {"tx", "publish", "FILE|HEX", 1, 1, "Sends a signed transaction.", NULL,
     {"cairn tx publish tx.signed", "cairn tx publish 0x02f8..."}, "cairn tx decode", cmd_tx_publish},
    {"tx", "wait", "HASH", 1, 1, "Waits until a transaction is in a block.", NULL,
     {"cairn tx wait 0x3f... --timeout 5min"}, "cairn tx show", cmd_tx_wait},
    {"tx", "speed-up", "HASH", 1, 1,
     "Sends a pending transaction again with a higher fee, under the same nonce.", NULL,
     {"cairn tx speed-up 0x3f...", "cairn tx speed-up 0x3f... --max-fee 40gwei"}, "cairn tx cancel",
     cmd_tx_speed_up},
    {"tx", "cancel", "HASH", 1, 1,
     "Puts an empty payment to yourself in a pending transaction's place.", NULL,
     {"cairn tx cancel 0x3f..."}, "cairn tx speed-up", cmd_tx_cancel},
    {"tx", "decode", "FILE|HEX", 1, 1, "Shows what a signed transaction does; needs no node.", NULL,
     {"cairn tx decode 0x02f8...", "cairn tx decode tx.signed --json"}, "cairn tx show",
     cmd_tx_decode},
    {"tx", "trace", "HASH", 1, 1,
     "Shows the calls inside a transaction (the node must serve debug_traceTransaction).", NULL,
     {"cairn tx trace 0x3f..."}, "cairn tx show", cmd_tx_trace},
    {"call", NULL, "TO SIGNATURE [ARG..]", 2, ANY, "Asks a contract; sends nothing.", call_options,
     {"cairn call CairnToken totalSupply",
      "cairn call 0x5FbDB2315678afecb367f032d93F642f64180aa3 "
      "\"balanceOf(address)(uint256)\" alice"},
     "cairn tx call", cmd_call},

    {"block", NULL, "[N|HASH]", 0, 1, "Shows a block's header (default: the latest).", NULL,
     {"cairn block", "cairn block 812"}, "cairn tx show", cmd_block},
    {"logs", NULL, "TO EVENT", 2, 2, "Lists a contract's events.", NULL,
     {"cairn logs CairnToken Transfer",
      "cairn logs 0x5FbDB2315678afecb367f032d93F642f64180aa3 \"Set(uint256 value)\""},
     "cairn call", cmd_logs},
    {"estimate", NULL, "TO SIGNATURE [ARG..]", 2, ANY,
     "Says what gas a call would take; sends nothing.", tx_call_options,
     {"cairn estimate CairnToken transfer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 1000"},
     "cairn tx call", cmd_estimate},
    {"abi", "encode", "SIGNATURE [ARG..]", 1, ANY, "Encodes a call, or a bare list of values.", NULL,
     {"cairn abi encode \"transfer(address,uint256)\" 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 1",
      "cairn abi encode \"(uint256,string)\" 7 hello"}, "cairn abi decode", cmd_abi_encode},
    {"abi", "decode", "SIGNATURE DATA", 2, 2, "Decodes call data, or a bare list of values.", NULL,
     {"cairn abi decode \"(uint256)\" 0x0000000000000000000000000000000000000000000000000000000000000007"},
     "cairn abi encode", cmd_abi_decode},

    {"model", "create-family", "NAME", 1, 1, "Creates a family of models that you own.",
     family_options,
     {"cairn model create-family tumour --params 2049 --policy fedavg"},
     "cairn model register", cmd_model_create_family},
    {"model", "family", "FAMILY", 1, 1, "Shows a family: owner, policy, pool.", NULL,
     {"cairn model family tumour"}, NULL, cmd_model_family},
    {"model", "register", "FAMILY FILE", 2, 2, "Registers a model file as a version.",
     register_options,
     {"cairn model register tumour genesis.safetensors",
      "cairn model register tumour tuned.safetensors --kind fineTune --parent 0x12ab34"},
     "cairn model canon", cmd_model_register},
    {"model", "list", "[FAMILY]", 0, 1, "Lists versions.", NULL,
     {"cairn model list tumour"}, NULL, cmd_model_list},
    {"model", "show", "VERSION|FILE", 1, 1, "Shows a version by id, prefix or file.", NULL,
     {"cairn model show 0x12ab34", "cairn model show model.safetensors"}, NULL, cmd_model_show},
    {"model", "lineage", "VERSION|FILE", 1, 1, "Shows what a version comes from.", lineage_options,
     {"cairn model lineage model.safetensors"}, NULL, cmd_model_lineage},
    {"model", "verify", "FILE", 1, 1,
     "Says which version a file is and who contributed; 16 if none.", verify_options,
     {"cairn model verify model.safetensors --version 0x12ab34"}, NULL, cmd_model_verify},
    {"model", "hash", "FILE", 1, 1, "Hashes a model file: sha256, CID, model root.", NULL,
     {"cairn model hash model.safetensors"}, NULL, cmd_model_hash},
    {"model", "canon", "IN OUT", 2, 2, "Rewrites any safetensors file in canonical form (ST-C1).",
     NULL,
     {"cairn model canon torch.safetensors model.safetensors"}, NULL, cmd_model_canon},
    {"model", "approve", "VERSION|FILE", 1, 1, "Approves a candidate version.", NULL,
     {"cairn model approve 0x12ab34"}, NULL, cmd_model_approve},
    {"model", "deploy", "VERSION|FILE", 1, 1, "Points a channel at an approved version.",
     deploy_options,
     {"cairn model deploy 0x12ab34 --channel stable"}, NULL, cmd_model_deploy},

    {"round", "open", "FAMILY", 1, 1, "Opens a round on a base version.", open_options,
     {"cairn round open tumour --base genesis.safetensors --pool 1000 --n-max 7"},
     "cairn help rounds", cmd_round_open},
    {"round", "list", "", 0, 0, "Lists rounds.", NULL,
     {"cairn round list"}, NULL, cmd_round_list},
    {"round", "status", "ROUND", 1, 1, "Shows a round and every participant.", NULL,
     {"cairn round status 1"}, NULL, cmd_round_status},
    {"round", "watch", "ROUND", 1, 1, "Tells each step of a round until its end.", watch_options,
     {"cairn round watch 1", "cairn round watch 1 --until reveal"}, NULL, cmd_round_watch},
    {"round", "log", "ROUND", 1, 1, "Lists every event of a round.", NULL,
     {"cairn round log 1"}, NULL, cmd_round_log},
    {"round", "next", "[ROUND]", 0, 1, "Tells your account what to do, until when.", NULL,
     {"cairn round next --account alice"}, "cairn help rounds", cmd_round_next},
    {"round", "commit", "ROUND", 1, 1, "Commits to an update; the salt is on disk first.",
     commit_options,
     {"cairn round commit 1 --update delta.safetensors --base base.safetensors --weight 64"},
     "cairn round reveal", cmd_round_commit},
    {"round", "resume", "ROUND", 1, 1,
     "Goes on with a commit or reveal that was interrupted.", reveal_options,
     {"cairn round resume 1", "cairn round resume 1 --publish /srv/updates"}, "cairn round commit",
     cmd_round_resume},
    {"round", "close", "ROUND", 1, 1, "Closes the commits once their window is over.", NULL,
     {"cairn round close 1"}, NULL, cmd_round_close},
    {"round", "draw", "ROUND", 1, 1, "Draws the seed once its blocks exist.", NULL,
     {"cairn round draw 1"}, NULL, cmd_round_draw},
    {"round", "reveal", "ROUND", 1, 1, "Reveals what you committed, with its sketch.",
     reveal_options,
     {"cairn round reveal 1 --publish /srv/updates"}, "cairn round commit", cmd_round_reveal},
    {"round", "select", "ROUND", 1, 1, "Runs the round's policy on chain.", NULL,
     {"cairn round select 1"}, NULL, cmd_round_select},
    {"round", "aggregate", "ROUND", 1, 1, "Sums the accepted updates and posts the new model.",
     aggregate_options,
     {"cairn round aggregate 1 --base base.safetensors --updates /srv/updates "
      "--out new.safetensors"},
     "cairn round check", cmd_round_aggregate},
    {"round", "check", "ROUND", 1, 1,
     "Computes the aggregate again; 16 if the posted one is false.", aggregate_options,
     {"cairn round check 1 --base base.safetensors --updates /srv/updates"}, NULL, cmd_round_check},
    {"round", "finalise", "ROUND", 1, 1, "Ends a round after its challenge window.", NULL,
     {"cairn round finalise 1"}, "cairn reward claim", cmd_round_finalise},
    {"round", "cancel", "ROUND", 1, 1, "Cancels a round that is still open (owner).", NULL,
     {"cairn round cancel 1"}, NULL, cmd_round_cancel},
    {"round", "expire", "ROUND", 1, 1, "Fails a round in which no aggregator delivered.", NULL,
     {"cairn round expire 1"}, NULL, cmd_round_expire},

    {"reward", "balance", "[ACCOUNT|ADDRESS]", 0, 1, "Shows tokens, bonds, claims, reputation.",
     NULL,
     {"cairn reward balance alice"}, NULL, cmd_reward_balance},
    {"reward", "claim", "[ROUND]", 0, 1, "Fetches what a round owes you.", claim_options,
     {"cairn reward claim 1", "cairn reward claim --all"}, NULL, cmd_reward_claim},
    {"reward", "bond", "ROLE AMOUNT", 2, 2, "Stakes tokens as participant or aggregator.", NULL,
     {"cairn reward bond participant 1000"}, NULL, cmd_reward_bond},
    {"reward", "unbond", "ROLE AMOUNT", 2, 2, "Starts to take a bond back.", NULL,
     {"cairn reward unbond participant 1000"}, "cairn reward withdraw", cmd_reward_unbond},
    {"reward", "withdraw", "ROLE", 1, 1, "Takes what has unbonded.", NULL,
     {"cairn reward withdraw participant"}, "cairn reward unbond", cmd_reward_withdraw},
    {"reward", "fund", "FAMILY AMOUNT", 2, 2, "Adds tokens to a family's pool.", NULL,
     {"cairn reward fund tumour 8000"}, NULL, cmd_reward_fund},
    {"reward", "history", "[ACCOUNT|ADDRESS]", 0, 1, "Lists bonds, slashes and claims.", NULL,
     {"cairn reward history alice"}, NULL, cmd_reward_history},

    {"proof", "export", "", 0, 0,
     "Takes the proof of a contribution out of the chain, into one file.", proof_export_options,
     {"cairn proof export --round 3 --participant alice --out alice-3.json"}, "cairn proof verify",
     cmd_proof_export},
    {"proof", "verify", "FILE", 1, 1,
     "Checks such a file without any node; 16 if it does not hold.", proof_verify_options,
     {"cairn proof verify alice-3.json --validators genesis.json"}, "cairn proof export",
     cmd_proof_verify},

    {"dao", "propose", "FILE", 1, 1, "Proposes actions (a JSON file), tried first as if voted.",
     NULL,
     {"cairn dao propose raise-bond.json",
      "# raise-bond.json: {\"title\": \"Raise the bond\", \"actions\": [{\"to\": \"Rewards\",",
      "#   \"function\": \"setMinBond\", \"args\": [\"0\", \"2000000000000000000000\"]}]}"},
     "cairn help votes", cmd_dao_propose},
    {"dao", "vote", "PROPOSAL for|against|abstain", 2, 2, "Votes on a proposal.", vote_options,
     {"cairn dao vote latest for --reason \"we were poisoned\"",
      "cairn dao vote latest against --by-sig --out vote.json"}, "cairn help votes", cmd_dao_vote},
    {"dao", "submit", "FILE", 1, 1, "Sends a vote that another account has signed.", NULL,
     {"cairn dao submit vote.json --account bob"}, "cairn dao vote", cmd_dao_submit},
    {"dao", "votes", "PROPOSAL", 1, 1, "Lists who voted how, and why.", NULL,
     {"cairn dao votes latest"}, NULL, cmd_dao_votes},
    {"dao", "queue", "PROPOSAL", 1, 1, "Hands a succeeded proposal to the timelock.", NULL,
     {"cairn dao queue latest"}, NULL, cmd_dao_queue},
    {"dao", "execute", "PROPOSAL", 1, 1, "Executes a proposal after the timelock.", NULL,
     {"cairn dao execute latest"}, NULL, cmd_dao_execute},
    {"dao", "cancel", "PROPOSAL", 1, 1, "Takes your proposal back before votes count.", NULL,
     {"cairn dao cancel latest"}, NULL, cmd_dao_cancel},
    {"dao", "watch", "PROPOSAL", 1, 1, "Tells each new state of a proposal until its end.",
     watch_options,
     {"cairn dao watch latest --until succeeded"}, NULL, cmd_dao_watch},
    {"dao", "show", "PROPOSAL", 1, 1, "Shows state, next step, tally and actions.", NULL,
     {"cairn dao show latest"}, NULL, cmd_dao_show},
    {"dao", "list", "", 0, 0, "Lists proposals.", list_options,
     {"cairn dao list --state active"}, NULL, cmd_dao_list},
    {"dao", "power", "[ACCOUNT|ADDRESS]", 0, 1, "Shows votes and what they are made of.", NULL,
     {"cairn dao power alice"}, "cairn help votes", cmd_dao_power},
    {"dao", "delegate", "ACCOUNT|ADDRESS", 1, 1, "Delegates your votes.", NULL,
     {"cairn dao delegate bob"}, NULL, cmd_dao_delegate},

    {"train", "genesis", "", 0, 0, "Writes the demonstration's genesis model.", genesis_options,
     {"cairn train genesis --out genesis.safetensors"}, NULL, cmd_train_genesis},
    {"train", "update", "", 0, 0, "Trains one round and writes the update.", train_options,
     {"cairn train update --data breast_cancer.csv --party A --base genesis.safetensors "
      "--out a.safetensors"},
     NULL, cmd_train_update},
    {"train", "evaluate", "MODEL", 1, 1, "Counts a model's right answers.", evaluate_options,
     {"cairn train evaluate r1.safetensors --data breast_cancer.csv --party evaluators"},
     NULL, cmd_train_evaluate},

    {"doctor", NULL, "", 0, 0,
     "Checks wallet, node, clock and account; each finding with its repair.", NULL,
     {"cairn doctor", "cairn doctor --account alice --json"}, "cairn config show", cmd_doctor},
    {"completion", NULL, "SHELL", 1, ANY, "Prints the completion script of bash or zsh.", NULL,
     {"cairn completion bash", "cairn completion zsh"}, NULL, cmd_completion},
    {"help", NULL, "[TOPIC|COMMAND..]", 0, 2, "Explains a topic or a command.", NULL,
     {"cairn help rounds", "cairn help tx send"}, NULL, cmd_help},
    {"version", NULL, "", 0, 0, "Shows the version.", NULL,
     {"cairn version"}, NULL, cmd_version},
};

// clang-format on

const size_t COMMAND_COUNT = ARRAY_LEN(COMMANDS);

enum exit_code cmd_help(struct ctx *ctx, const struct args *a)
{
    if (a->pos_count == 0) {
        options_help(ctx, NULL, NULL);
        return EXIT_DONE;
    }
    if (a->pos_count == 1 && options_topic(ctx, a->pos[0])) return EXIT_DONE;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(COMMANDS[i].noun, a->pos[0]) != 0) continue;
        return options_help_command(ctx, a->pos[0], a->pos_count > 1 ? a->pos[1] : NULL);
    }
    return options_unknown_topic(ctx, a->pos[0]);
}

enum exit_code cmd_version(struct ctx *ctx, const struct args *a)
{
    (void)a;
    result_set(ctx, "version", json_string(CAIRN_VERSION));
    out_line(ctx, "cairn %s", CAIRN_VERSION);
    return EXIT_DONE;
}
