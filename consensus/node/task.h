// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A piece of work that moves between threads with its memory: `run` or `drop` is called once and
/// frees it. Embedded as the first member of what it needs.
struct task {
    void (*run)(struct task *t);
    void (*drop)(struct task *t); ///< instead of run, when nobody will run it any more
};
