#include "ec2mpi/ops/job_script.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr const char* kBegin = R"sh({
mask=$(umask)
umask 077
give_up() { echo "ec2mpi: on the master: $1" >&2; exit "${2:-1}"; }
)sh";

/// mkdir is the lock: no two jobs have one folder.
constexpr const char* kMakeFolder = R"sh(
mkdir -p "$HOME/.ec2mpi/jobs" && chmod 700 "$HOME/.ec2mpi" && mkdir "$folder" || give_up "cannot make $folder"
keep() { printf %s "$2" >"$folder/$1" || give_up "cannot write $folder/$1"; }
keep hosts "$hosts"
keep nodeIPaddress "$addresses"
keep cmd "$command"
keep pid $$
)sh";

constexpr const char* kEnterWorkdir = R"sh(
umask $mask
cd "$workdir" || give_up "there is no folder $workdir; push the job's files first, or name another with --workdir"
printf %s "$addresses" >".nodeIPaddress.$$" && mv -f ".nodeIPaddress.$$" nodeIPaddress || give_up "cannot write $workdir/nodeIPaddress"
)sh";

constexpr const char* kFindScript = R"sh(
script=
for place in "$workdir" "$HOME"; do
  [ -f "$place/$name" ] && { script=$place/$name; workdir=$place; break; }
done
[ -n "$script" ] || give_up "there is no $name, neither here nor in $workdir; and ec2mpi.toml has no such job" 2
)sh";

/// As the kernel would start it, but also where the file may not be executed; and a missing interpreter is
/// named.
constexpr const char* kBecomeScript = R"sh(
IFS= read -r first <"$script"
case $first in
  '#!'*) set -f; start=${first#??}; for program in $start; do break; done ;;
  *) start=sh; program=sh ;;
esac
command -v "$program" >/dev/null || give_up "$name asks for $program, which is not there; install it" 127
)sh";

std::string assign(const char* variable, const std::string& value) {
  return fmt::format("{}={}\n", variable, quote_word(value));
}

std::string exports(const std::map<std::string, std::string>& environment) {
  std::string text;
  for (const auto& [name, value] : environment)
    text += fmt::format("export {}={}\n", name, quote_word(value));
  return text;
}

}  // namespace

std::string job_text(const JobFiles& files, const std::optional<JobScript>& script) {
  const auto words = quote_words(files.command);
  std::string text = kBegin;
  text += fmt::format("folder=$HOME/.ec2mpi/jobs/{}\n", files.id);
  text +=
      assign("hosts", files.hosts) + assign("addresses", files.addresses) + assign("workdir", files.workdir);
  if (!script) {
    text += assign("command", words + "\n") + kMakeFolder + kEnterWorkdir + exports(files.environment);
    return text + fmt::format("exec {} </dev/null\n}}\n", words);
  }
  text += assign("name", script->name) +
          assign("command", script->name + (words.empty() ? "" : " " + words) + "\n");
  if (!script->text) text += kFindScript;
  text += kMakeFolder;
  if (script->text)
    text += assign("content", *script->text) + "keep \"$name\" \"$content\"\nscript=$folder/$name\n";
  text += std::string(kBecomeScript) + kEnterWorkdir + exports(files.environment);
  text += "export EC2MPI_HOSTFILE=\"$folder/hosts\"\n";
  return text + fmt::format("exec $start \"$script\" {} </dev/null\n}}\n", words);
}

}  // namespace ec2mpi::ops
