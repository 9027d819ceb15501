// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What header.c and extra_data.c share. Private to chain/types.

#include "chain/types/header.h"

/// header_encode with other bytes in the place of extraData.
void header_encode_with_extra(struct buf *out, const struct header *h, bytes_t extra);

/// keccak256 of that.
hash_t header_hash_with_extra(const struct header *h, bytes_t extra);
