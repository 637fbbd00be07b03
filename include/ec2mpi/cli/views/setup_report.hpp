#pragma once
/// The results of setup. Equal results are shown once, under their nodes' names.

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/setup/setup.hpp"
#include "ec2mpi/ops/setup/undo.hpp"

namespace ec2mpi::cli {

/// The changes on each node; with `dry_run` the planned ones. `whole_list`: no node of the list was left out.
void show_setup(Console& console, bool dry_run, bool whole_list, const ops::SetupEnd& end);
[[nodiscard]] Json setup_json(bool dry_run, const ops::SetupEnd& end);

/// The files that an undo removed; with `dry_run` the planned ones.
void show_restored(Console& console, bool dry_run, const ops::UndoEnd& end);
[[nodiscard]] Json restored_json(bool dry_run, const ops::UndoEnd& end);

}  // namespace ec2mpi::cli
