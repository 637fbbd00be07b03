#include "src/ops/process/family_shell.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// Kin are descendants, for a child may have cleared its environment; and who shares a session with one of
/// the family, for its parent may have died first. A session counts only if its leader is gone or of the
/// family: then it was ours, and not somebody's login in which a marked process was started.
constexpr const char* kFunctions = R"sh(
seen= self=
marked() { grep -slzxF -e "$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
aged_family() {
  { marked
    for one in $seen; do echo "$one"; done
    ps -A -o pid= -o ppid= -o sess= -o etimes= -o stat= -o comm=
  } | awk -v self="$self" '
    NF == 1 && split($1, was, ":") == 2 { before[was[1]] = was[2]; next }
    NF == 1 { ours[$1]; next }
    $5 !~ /^Z/ { parent[$1] = $2; session[$1] = $3; age[$1] = $4; name[$1] = $6 }
    END {
      for (p in before) if (p in age && age[p] >= before[p]) ours[p]
      if (self in parent) {
        us = self
        while (name[parent[us]] == "sudo") us = parent[us]
        if (name[parent[us]] ~ /^sshd/) for (p in parent) if (parent[p] == parent[us] && p != us) ours[p]
      }
      do {
        for (p in parent) {
          s = session[p]
          if (p in ours && s > 1 && (s in ours || !(s in parent))) whole[s]
        }
        more = 0
        for (p in parent) {
          if (p in ours || !(parent[p] in ours || session[p] in whole)) continue
          ours[p]
          more = 1
        }
      } while (more)
      for (p in ours) if (p in parent && p != self) print p ":" age[p]
    }'
}
family() { aged_family | cut -d: -f1; }
)sh";

}  // namespace

std::string family_functions(const std::string& mark) {
  return "mark=" + quote_word(mark) + kFunctions;
}

}  // namespace ec2mpi::ops
