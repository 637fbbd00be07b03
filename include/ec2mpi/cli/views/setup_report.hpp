#pragma once
/// How the results of setup are shown: equal ones once, under their nodes' names.

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/ops/setup/setup.hpp"

namespace ec2mpi::cli {

/// What was done on each node, or would be. `whole_list`: no node of the list was left out.
void show_setup(Console& console, bool dry_run, bool whole_list, const ops::SetupEnd& end);
void show_setup_json(Console& console, bool dry_run, const ops::SetupEnd& end);

/// What an undo took away, or would.
void show_restored(Console& console, bool dry_run, bool json, const ops::UndoEnd& end);

}  // namespace ec2mpi::cli
