#include "ec2mpi/ops/node/facts.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

/// An answer takes a moment: python3 starts, and on a busy node so does everything.
constexpr auto kPatience = std::chrono::seconds(30);

constexpr std::size_t kMostAnswer = 1 << 20;

/// POSIX sh, so that every image understands it. Nothing here may wait for input or write a file.
/// - private_address: where sshd was reached (sshd(8), SSH_CONNECTION: client address and port, server
/// address and
///   port). Behind EC2's NAT that is the private address. Over IPv6 it is the source of the default route.
/// - cores: distinct (socket, core) pairs of online CPUs; an EC2 vCPU is a hardware thread.
/// - mpirun: on the PATH of a command over ssh, else where Amazon's EFA installer and Red Hat put it.
/// mpirun's own
///   words about its version are passed on as they are.
constexpr const char* kFactsScript = R"sh(
export LC_ALL=C
exec </dev/null 2>/dev/null
set -- $SSH_CONNECTION
a=${3#::ffff:}
case $a in
  *.*) ;;
  *) a=$(ip -4 -o route get 192.0.2.1 | sed -n 's/.* src \([0-9.]*\).*/\1/p') ;;
esac
t=$(nproc) || t=$(getconf _NPROCESSORS_ONLN)
c=$(lscpu -p=CPU,CORE,SOCKET,ONLINE | awk -F, '!/^#/ && $4 != "N" { seen[$3 "," $2] = 1 } END { for (k in seen) n++; print n + 0 }')
case $c in ''|0) c=$t ;; esac
m=
if [ -n "$want" ]; then [ -x "$want" ] && m=$want
else m=$(command -v mpirun) || for p in /opt/amazon/openmpi/bin /opt/amazon/openmpi5/bin /usr/lib64/openmpi/bin /usr/local/openmpi/bin; do
  [ -x "$p/mpirun" ] && { m=$p/mpirun; break; }
done; fi
y=$(command -v python3)
has=no
[ -n "$y" ] && "$y" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("mpi4py") is None)' && has=yes
efa=no
[ -n "$(ls /sys/class/infiniband)" ] && efa=yes
echo "ec2mpi-facts 1"
echo "private_address $a"
echo "addresses" $(ip -4 -o addr show | awk '{ sub("/.*", "", $4); print $4 }')
echo "hostname $(hostname)"
echo "home $HOME"
echo "boot_id $(cat /proc/sys/kernel/random/boot_id)"
echo "cores $c"
echo "threads $t"
echo "mpirun $m"
[ -n "$m" ] && "$m" --version | sed -n '1,8s/^/mpi /p'
echo "python3 $y"
echo "mpi4py $has"
echo "efa $efa"
echo "ec2mpi-facts end"
)sh";

}  // namespace

std::string facts_script(const std::string& mpirun) {
  return "want=" + quote_word(mpirun) + "\n" + kFactsScript;
}

asio::awaitable<Result<Facts>> ask_facts(ssh::Session& session, Limit limit, std::string mpirun) {
  const Limit patience = limit.at_most(kPatience);
  CO_TRY_AS(answer, co_await capture(session, facts_script(mpirun), patience));
  co_return parse_facts(answer->out);
}

std::string facts_and_shell_command(const std::string& mpirun) {
  return "(" + clean_environment() + facts_script(mpirun) + ")\nexec sh -s";
}

asio::awaitable<Result<Facts>> read_facts(ssh::Channel& shell, Limit limit) {
  const Limit patience = limit.at_most(kPatience);
  std::string printed;
  while (printed.find(kFactsEnd) == std::string::npos) {
    CO_TRY_AS(chunk, co_await shell.read(patience));
    if (!*chunk || printed.size() > kMostAnswer) break;
    if ((*chunk)->stream == ssh::Stream::out) printed += (*chunk)->bytes;
  }
  co_return parse_facts(printed);
}

}  // namespace ec2mpi::ops
