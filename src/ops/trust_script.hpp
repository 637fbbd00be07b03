#pragma once
/// The shell text that looks at, writes and takes away what setup puts on a node.

namespace ec2mpi::ops {

/// Functions for the others: blocks between two marks at the top of a file that belongs to somebody else.
extern const char* const kBlockFunctions;
/// Functions that print the state of a file or block.
extern const char* const kStateFunctions;
/// Prints the state of everything that setup writes.
extern const char* const kStatesScript;
/// Takes what is to be written from standard input, as `sectioned` makes it.
extern const char* const kWriteTrustScript;
/// As root: $1 is the text of the block in /etc/hosts; prints its state.
extern const char* const kWriteHostsScript;
/// The contrary of both; $1 is `user` or `root`.
extern const char* const kUndoScript;

}  // namespace ec2mpi::ops
