// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A directory that a test may fill and throws away.

struct temp_dir {
    char path[256];
};

/// Made under $TMPDIR or /tmp; ends the program if that fails.
struct temp_dir temp_dir_make(void);

/// Removes it with everything in it.
void temp_dir_remove(const struct temp_dir *dir);
