// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The functions behind the table in wallet/commands.c, one file per noun.

#include "wallet/options.h"

#define COMMAND(NAME) enum exit_code NAME(struct ctx *ctx, const struct args *a)

COMMAND(cmd_account_new);
COMMAND(cmd_account_import);
COMMAND(cmd_account_list);
COMMAND(cmd_account_show);
COMMAND(cmd_account_balance);

COMMAND(cmd_account_export);
COMMAND(cmd_account_rename);
COMMAND(cmd_account_passwd);
COMMAND(cmd_account_remove);
COMMAND(cmd_account_backup);

COMMAND(cmd_sign_message);
COMMAND(cmd_sign_typed);
COMMAND(cmd_verify_message);
COMMAND(cmd_verify_typed);

COMMAND(cmd_config_show);

COMMAND(cmd_network_add);
COMMAND(cmd_network_use);
COMMAND(cmd_network_list);
COMMAND(cmd_network_forget);
COMMAND(cmd_network_status);

COMMAND(cmd_tx_send);
COMMAND(cmd_tx_call);
COMMAND(cmd_tx_show);
COMMAND(cmd_tx_deploy);
COMMAND(cmd_tx_sign);
COMMAND(cmd_tx_publish);
COMMAND(cmd_tx_wait);
COMMAND(cmd_tx_speed_up);
COMMAND(cmd_tx_cancel);
COMMAND(cmd_tx_decode);
COMMAND(cmd_tx_trace);
COMMAND(cmd_call);
COMMAND(cmd_estimate);
COMMAND(cmd_block);
COMMAND(cmd_logs);
COMMAND(cmd_abi_encode);
COMMAND(cmd_abi_decode);

COMMAND(cmd_model_create_family);
COMMAND(cmd_model_family);
COMMAND(cmd_model_register);
COMMAND(cmd_model_show);
COMMAND(cmd_model_list);
COMMAND(cmd_model_lineage);
COMMAND(cmd_model_verify);
COMMAND(cmd_model_hash);
COMMAND(cmd_model_canon);
COMMAND(cmd_model_approve);
COMMAND(cmd_model_deploy);

COMMAND(cmd_round_open);
COMMAND(cmd_round_list);
COMMAND(cmd_round_status);
COMMAND(cmd_round_next);
COMMAND(cmd_round_watch);
COMMAND(cmd_round_log);
COMMAND(cmd_round_commit);
COMMAND(cmd_round_resume);
COMMAND(cmd_round_close);
COMMAND(cmd_round_draw);
COMMAND(cmd_round_reveal);
COMMAND(cmd_round_select);
COMMAND(cmd_round_aggregate);
COMMAND(cmd_round_check);
COMMAND(cmd_round_finalise);
COMMAND(cmd_round_cancel);
COMMAND(cmd_round_expire);

COMMAND(cmd_reward_balance);
COMMAND(cmd_reward_claim);
COMMAND(cmd_reward_bond);
COMMAND(cmd_reward_unbond);
COMMAND(cmd_reward_withdraw);
COMMAND(cmd_reward_fund);
COMMAND(cmd_reward_history);

COMMAND(cmd_proof_export);
COMMAND(cmd_proof_verify);

COMMAND(cmd_dao_propose);
COMMAND(cmd_dao_vote);
COMMAND(cmd_dao_submit);
COMMAND(cmd_dao_votes);
COMMAND(cmd_dao_cancel);
COMMAND(cmd_dao_watch);
COMMAND(cmd_dao_queue);
COMMAND(cmd_dao_execute);
COMMAND(cmd_dao_show);
COMMAND(cmd_dao_list);
COMMAND(cmd_dao_power);
COMMAND(cmd_dao_delegate);

COMMAND(cmd_train_genesis);
COMMAND(cmd_train_update);
COMMAND(cmd_train_evaluate);

COMMAND(cmd_doctor);
COMMAND(cmd_completion);
COMMAND(cmd_help);
COMMAND(cmd_version);
