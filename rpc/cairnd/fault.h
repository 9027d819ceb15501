// SPDX-License-Identifier: Apache-2.0
#pragma once

/// LMDB trusts its pages: a flipped bit in one can lead it, or whoever reads a value, to an
/// address outside the file. Such a fault is not a bug of the program but a damaged store, and
/// ends it with exit code 5 and a sentence; any other fault stays what it is.

/// For the whole process; before threads are started.
void fault_install(void);
