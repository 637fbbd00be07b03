#include "ec2mpi/ops/setup/packages.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// Where distributions put theirs; another MPI is somebody's own, and so no package of mpi4py fits it.
bool is_of_distribution(std::string_view mpirun) {
  return mpirun.starts_with("/usr/bin/") || mpirun.starts_with("/bin/") || mpirun.starts_with("/usr/lib");
}

bool is_systems_python(std::string_view python3) {
  return python3.empty() || python3.starts_with("/usr/bin/") || python3.starts_with("/bin/");
}

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

std::string sibling(std::string_view path, std::string_view name) {
  return fmt::format("{}/{}", path.substr(0, path.rfind('/')), name);
}

}  // namespace

std::vector<std::string> PackagePlan::names() const {
  auto all = packages;
  if (mpi4py) all.push_back(mpi4py_package.empty() ? "mpi4py (by pip)" : mpi4py_package);
  return all;
}

Result<PackagePlan> plan_packages(const Survey& survey, MpiChoice choice) {
  const auto& facts = survey.facts;
  const auto wanted = choice == MpiChoice::mpich ? MpiFlavour::mpich : MpiFlavour::open_mpi;
  const bool good = facts.mpi && (choice == MpiChoice::any || facts.mpi->flavour == wanted);
  const auto names = names_for(survey.package_manager, good ? facts.mpi->flavour : wanted);
  const bool own = good && !is_of_distribution(facts.mpirun);

  PackagePlan plan{.manager = survey.package_manager,
                   .packages = {},
                   .mpi4py = !facts.mpi4py,
                   .mpi4py_package = own ? "" : names.mpi4py,
                   .compiler = own ? sibling(facts.mpirun, "mpicc") : names.compiler};
  if (!good) plan.packages = names.mpi;
  if (!good || (!survey.mpi_headers && !own)) plan.packages.push_back(names.headers);
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
    return fail(
        ErrorKind::remote_io,
        fmt::format("it has neither apt-get nor dnf; install there by hand what is called like:{}", missing));
  }
  return plan;
}

// The lock's holder is found by who has the lock file open. apt-get writes to a file, not to us: it must not
// end because we have left in the middle. What an interrupted dpkg left half done is finished first.
const char* const kInstallScript = R"sh(
manager=$1 mpi4py=$2 mpi4py_package=$3 compiler=$4
shift 4
LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 PIP_BREAK_SYSTEM_PACKAGES=1
export LC_ALL DEBIAN_FRONTEND NEEDRESTART_SUSPEND PIP_BREAK_SYSTEM_PACKAGES
patience=900
trap '' PIPE HUP
exec </dev/null
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

doing= before=
say() {
  [ "$doing" = "$1" ] || printf 'doing %s\n' "$1"
  doing=$1
}

# A package manager's reasons begin in one of these ways.
complaint() {
  said=$(sed -n -e 's/^E: //p' -e 's/^Error: //p' -e 's/^ERROR: //p' "$log" 2>/dev/null | head -n 2 | tr '\n' ' ')
  printf '%s' "${said:-$(tail -n 1 "$log")}"
}

die() {
  printf '%s: %s%s\n' "$1" "$(complaint)" "$before" >&2
  exit 1
}

patiently() {
  patience=$((patience - 1))
  if [ "$patience" -lt 0 ]; then
    : >"$log"
    die "still $doing after 15 minutes"
  fi
  sleep 1
}

lock_holder() {
  for link in $(find /proc/[0-9]*/fd -lname '/var/lib/dpkg/lock*' -o -lname /var/lib/apt/lists/lock \
    -o -lname /var/cache/apt/archives/lock 2>/dev/null); do
    process=${link#/proc/}
    cat "/proc/${process%%/*}/comm" 2>/dev/null && return
  done
  return 1
}

wait_for_lock() {
  while holder=$(lock_holder); do
    say "waiting for apt's lock held by $holder"
    patiently
  done
}

# apt WHAT ARGUMENT...: as often as somebody else gets the lock first.
apt() {
  what=$1
  shift
  while :; do
    wait_for_lock
    say "$what"
    apt-get -q "$@" >"$log" 2>&1 && return
    grep -q 'Could not get lock' "$log" || return 1
    patiently
  done
}

install() {
  if [ "$manager" = apt ]; then
    apt "installing $*" -y --no-install-recommends install "$@" || die "apt-get could not install $*"
  else
    say "installing $*"
    timeout "$patience" dnf -y install "$@" >"$log" 2>&1 || die "dnf could not install $*"
  fi
}

has_package() {
  if [ "$manager" = apt ]; then
    apt-cache show "$1" >/dev/null 2>&1
  else
    timeout "$patience" dnf -q info "$1" >/dev/null 2>&1
  fi
}

has_mpi4py() {
  python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("mpi4py") is None)' 2>/dev/null
}

pip_mpi4py() {
  if [ "$manager" = apt ]; then install python3-pip python3-dev gcc; else install python3-pip python3-devel gcc; fi
  say 'building mpi4py'
  MPICC=$compiler python3 -m pip install -q --no-binary mpi4py mpi4py >"$log" 2>&1 || die 'pip could not install mpi4py'
}

if command -v cloud-init >/dev/null; then
  say 'waiting for cloud-init'
  timeout 600 cloud-init status --wait >/dev/null 2>&1
fi
if [ "$manager" = apt ]; then
  wait_for_lock
  if [ -n "$(dpkg --audit 2>/dev/null)" ]; then
    say 'finishing what an interrupted dpkg has left'
    dpkg --configure -a >"$log" 2>&1 || die 'dpkg --configure -a failed'
  fi
  # One source out of several that fails need not matter.
  apt 'reading the package lists' update || before="; before that, apt-get update failed: $(complaint)"
fi
if [ "$mpi4py" = yes ] && [ -n "$mpi4py_package" ] && has_package "$mpi4py_package"; then
  set -- "$@" "$mpi4py_package"
fi
[ $# = 0 ] || install "$@"
[ "$mpi4py" = no ] || has_mpi4py || pip_mpi4py
)sh";

std::vector<std::string> install_arguments(const PackagePlan& plan) {
  std::vector<std::string> arguments = {plan.manager, plan.mpi4py ? "yes" : "no", plan.mpi4py_package,
                                        plan.compiler};
  arguments.insert(arguments.end(), plan.packages.begin(), plan.packages.end());
  return arguments;
}

}  // namespace ec2mpi::ops
