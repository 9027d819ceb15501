// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `cairnd network up DIR`: all nodes of a network on this machine, as one program. Their log
/// lines come merged, each with its node's name in front; Ctrl-C stops them all cleanly; a node
/// that ends by itself ends the others.
/// @return an exit code
int network_up(int argc, char **argv);
