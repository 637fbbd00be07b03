#include "ec2mpi/ops/setup/packages.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/exec/root_command.hpp"
#include "src/ops/setup/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// The folders of distributions. No package of mpi4py fits an MPI that lies elsewhere.
bool is_of_distribution(std::string_view mpirun) {
  return mpirun.starts_with("/usr/bin/") || mpirun.starts_with("/bin/") || mpirun.starts_with("/usr/lib");
}

/// The distribution's mpi4py is for its own interpreter.
bool is_systems_python(std::string_view python3) {
  return python3.empty() || python3.starts_with("/usr/bin/") || python3.starts_with("/bin/");
}

/// An empty mpi4py: the distribution has none for this MPI, and pip builds it with `compiler`.
struct Names {
  std::vector<std::string> mpi;
  std::string headers;
  std::string mpi4py;
  std::string compiler;
};

Names names_for(std::string_view manager, MpiFlavour flavour) {
  const bool apt = manager == "apt";
  if (flavour == MpiFlavour::mpich) {
    if (apt) return {{"mpich"}, "libmpich-dev", "", "/usr/bin/mpicc.mpich"};
    return {{"mpich"}, "mpich-devel", "python3-mpi4py-mpich", "/usr/lib64/mpich/bin/mpicc"};
  }
  if (apt) return {{"openmpi-bin"}, "libopenmpi-dev", "python3-mpi4py", "/usr/bin/mpicc.openmpi"};
  return {{"openmpi"}, "openmpi-devel", "python3-mpi4py-openmpi", "/usr/lib64/openmpi/bin/mpicc"};
}

/// The program `name` in the folder of `path`.
std::string sibling(std::string_view path, std::string_view name) {
  return fmt::format("{}/{}", path.substr(0, path.rfind('/')), name);
}

/// Of install_packages.sh.
std::vector<std::string> install_arguments(const PackagePlan& plan) {
  std::vector<std::string> arguments = {plan.manager, plan.mpi4py ? "yes" : "no", plan.mpi4py_package,
                                        plan.compiler};
  arguments.insert(arguments.end(), plan.packages.begin(), plan.packages.end());
  return arguments;
}

}  // namespace

std::vector<std::string> PackagePlan::names() const {
  auto all = packages;
  // An empty name stands for pip.
  if (mpi4py) all.push_back(mpi4py_package.empty() ? "mpi4py (by pip)" : mpi4py_package);
  return all;
}

Result<PackagePlan> plan_packages(const SetupState& state, MpiChoice choice) {
  const auto& facts = state.facts;
  const auto wanted = choice == MpiChoice::mpich ? MpiFlavour::mpich : MpiFlavour::open_mpi;
  const bool good = facts.mpi && (choice == MpiChoice::any || facts.mpi->flavour == wanted);
  // No package mends that, and the package may well be there.
  if (!state.python_said.empty()) {
    return fail(ErrorKind::remote_io,
                fmt::format("its python3 does not run: {}; does a start-up file (.bashrc) set a limit, or a "
                            "variable of Python or of the loader?",
                            state.python_said));
  }
  const auto names = names_for(state.package_manager, good ? facts.mpi->flavour : wanted);
  // An MPI that a person has installed stays, and mpi4py is built by its own compiler.
  const bool own = good && !is_of_distribution(facts.mpirun);

  PackagePlan plan{.manager = state.package_manager,
                   .packages = {},
                   .mpi4py = !facts.mpi4py,
                   .mpi4py_package = own ? "" : names.mpi4py,
                   .compiler = own ? sibling(facts.mpirun, "mpicc") : names.compiler,
                   .choice = choice};
  if (!good) plan.packages = names.mpi;
  // A build by pip needs the headers.
  if (!good || (!state.mpi_headers && !own)) plan.packages.push_back(names.headers);
  if (plan.mpi4py && !is_systems_python(facts.python3)) {
    return fail(
        ErrorKind::remote_io,
        fmt::format("its python3 is {}, for which the distribution has no mpi4py; type there: {} -m pip "
                    "install mpi4py",
                    printable(facts.python3), printable(facts.python3)));
  }
  if (!plan.empty() && plan.manager.empty()) {
    std::string missing;
    for (const auto& name : plan.names()) missing += " " + name;
    return fail(ErrorKind::remote_io,
                fmt::format("it has neither apt-get nor dnf; install these by hand there:{}", missing));
  }
  return plan;
}

asio::awaitable<Result<void>> install_packages(NodeRun run, RootAccess access, PasswordSource password,
                                               PackagePlan plan,
                                               std::function<void(std::string_view)> on_doing) {
  RootScript script{.text = std::string(kInstallPackagesSh), .arguments = install_arguments(plan)};
  script.on_line = [&on_doing](std::string_view line) {
    if (line.starts_with("doing ")) on_doing(printable(line.substr(6)));
  };
  NodeRun here = run;
  auto installed = co_await run_as_root(std::move(here), access, std::move(password), std::move(script));
  if (!installed) {
    auto error = installed.error();
    if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timeout)
      // The script ignores the end of the connection: a half installation would be worse.
      error.message += "; the installation continues on the node, and the next setup waits for it";
    co_return std::unexpected(std::move(error));
  }
  // Asked again: a package manager's success does not prove that mpirun is found.
  CO_TRY_AS(now, co_await ask_setup_state(run.session, run.limit));
  CO_TRY_AS(rest, plan_packages(*now, plan.choice));
  if (!rest->empty()) {
    auto reason = fmt::format("installed, but still not found: {}", join(rest->names(), " "));
    co_return fail(ErrorKind::remote_io, std::move(reason));
  }
  co_return Result<void>{};
}

}  // namespace ec2mpi::ops
