# `rsh [OPTION...] HOST COMMAND...`: stands in ssh's place when a launcher starts its daemons on other nodes. It lies in
# the job's folder $folder; $mark is the job's mark, $keep_links is set for an MPI that keeps each connection (MPICH),
# and $look_at_end for one mpirun of Open MPI that does (4, without a tree).
# - Hydra cannot mark its daemons, so they get the mark here.
# - Open MPI gives ssh its own standard error. ssh makes that pipe nonblocking for everything that writes into it, and
#   output of the ranks is lost. Opened here again, the pipe is not shared.
# - Open MPI writes its command for the shell of the account that it runs in. Here /bin/sh reads it, whatever login
#   shell the other node has: in the words for printf no shell sees a newline, quote, backslash or exclamation mark.
# - On each node, the program in the file `sampler` begins to count what the job uses there.
# - A start-up file that traces (set -x) repeats our command on the standard error of ssh. A process of ours drops what
#   comes in front of the mark that the command prints; without the mark only the lines with our command are dropped.
# - With $look_at_end the node is looked at over this same connection when its daemon has ended: the program in the file
#   `sweep` answers, and the answer is kept in `daemon/HOST.look`. `daemon/HOST.ssh` has the process of ssh. This is
#   only for the daemons of the job's own launcher (a rank may be an mpirun, too), and not for a daemon that has left
#   its connection.
# - A folder in LD_LIBRARY_PATH (conda, modules) may hold another libcrypto, with which ssh does not start.
# shellcheck shell=sh
# shellcheck disable=SC2154 # the text in front sets these variables

umask 077
octal_word() {
  printf "'"
  printf '%s\n' "$1" | sed -e 's/\\/\\0134/g' -e "s/'/\\\\0047/g" -e 's/!/\\0041/g' -e '$!s/$/\\0012/' | tr -d '\n'
  printf "'"
}
# set_by_csh NAME COMMAND: the value that the csh command gives to the variable first.
set_by_csh() {
  case $2 in *"setenv $1 "*) ;; *) return ;; esac
  value=${2#*setenv "$1" }
  while [ "${value# }" != "$value" ]; do value=${value# }; done
  printf %s "${value%%[ ;]*}"
}
# A csh account gets a command in the words of csh. Only its daemon is taken from it: the paths are set again here.
without_csh() {
  case $1 in
    *setenv*"env $mark "*) ;;
    *) printf %s "$1"; return ;;
  esac
  daemon="env $mark ${1#*env "$mark" }"
  case $daemon in "env $mark "*/bin/orted* | "env $mark "*/bin/prted*) ;; *) printf %s "$daemon"; return ;; esac
  place=${daemon#"env $mark "}
  while [ "${place# }" != "$place" ]; do place=${place# }; done
  place=${place%%/bin/[op]r*}
  # shellcheck disable=SC2016 # expanded on the node
  printf 'PATH=%s/bin:$PATH; LD_LIBRARY_PATH=%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; export PATH LD_LIBRARY_PATH; ' \
    "$place" "$(set_by_csh LD_LIBRARY_PATH "$1")"
  prefix=$(set_by_csh OPAL_PREFIX "$1")
  [ -z "$prefix" ] || printf 'OPAL_PREFIX=%s; export OPAL_PREFIX; ' "$prefix"
  printf %s "$daemon"
}

# The first command on the other node prints this line, and ends the tracing.
begin=ec2mpi-daemon-begins announce=
[ ! -e "$folder/err.pipe" ] || announce="{ set +vx; } 2>/dev/null; command printf '\\n%s\\n' $begin >&2"
# Prints what stands behind the mark; without one, all goes to standard error. read takes no byte behind its line, so
# that cat gets the rest.
pass_behind_mark() {
  held=
  while IFS= read -r line; do
    case $line in
      "$begin") exec cat ;;
      *'command printf %b'*) continue ;;
    esac
    [ ${#held} -gt 65536 ] || held="$held$line
"
  done
  printf %s "$held$line" >&2
}
# start_ssh WORD...: becomes ssh, whose process the launcher knows.
# shellcheck disable=SC2086 # several words
start_ssh() {
  find_swift "$@"
  said=$folder/said.$$
  # shellcheck disable=SC2094 # rm takes only the name
  [ -z "$announce" ] || ! mkfifo "$said" 2>/dev/null || {
    { rm -f "$said"; pass_behind_mark; } <"$said" >&2 &
    exec ssh $swift "$@" 2>"$said"
  }
  exec ssh $swift "$@"
}
# start_daemon_of_open_mpi HOST WORD...: the same. The daemon writes to its standard error only, so that standard output
# is ours.
start_daemon_of_open_mpi() {
  host=$1 answer=$folder/answer.$$
  shift
  mkfifo "$answer" 2>/dev/null || start_ssh "$@" >&2
  # Without our tools' own words: the folder may be gone by then, or take no write.
  # shellcheck disable=SC2094
  (
    exec 4>&2 2>/dev/null
    { rm -f "$answer"; pass_behind_mark 2>&4; } <"$answer" 4>&4 | tail -c 65536 4>&- >"$answer.look"
    exec 4>&-
    if [ -n "$look" ]; then mv -f "$answer.look" "$folder/daemon/$host.look"; else rm -f "$answer.look"; fi
  ) &
  start_ssh "$@" >"$answer"
}

[ -z "$LD_LIBRARY_PATH" ] || ssh -V >/dev/null 2>&1 || unset LD_LIBRARY_PATH
sampler=$(cat "$folder/sampler" 2>/dev/null)

for word; do
  case $word in *"env $mark "*) start_by_sh=yes ;; esac
done
if [ -z "$start_by_sh" ]; then
  [ -z "$keep_links" ] || echo $$ >>"$folder/links"
  # shellcheck disable=SC2016 # expanded on the node
  run_first=\''eval "$(command printf %b "$1")"; shift; exec "$@"'\'
  count=$#
  while [ $count -gt 0 ]; do
    case $1 in
      *hydra_pmi_proxy* | *hydra_bstrap_proxy*)
        [ -z "$announce$sampler" ] || set -- "$@" /bin/sh -c "$run_first" sh "$(octal_word "$announce
$sampler")"
        set -- "$@" env "$mark" ;;
    esac
    set -- "$@" "$1"
    shift
    count=$((count - 1))
  done
  start_ssh "$@"
fi
# The words in front of the command stay; the command becomes one word. For a shell that it does not know, Open MPI puts
# "( test ! -r ./.profile || . ./.profile;" in front, and ")" behind.
count=$# command=''
while [ $count -gt 0 ]; do
  case $command$1 in
    '('* | *"env $mark "*) command="$command${command:+ }$1" ;;
    *) set -- "$@" "$1" ;;
  esac
  shift
  count=$((count - 1))
done
# The daemons would look for this very file on their nodes, and end if it is not there.
while [ "${command#*"$folder/rsh"}" != "$command" ]; do
  command=${command%%"$folder/rsh"*}ssh${command#*"$folder/rsh"}
done
for host; do :; done
look='' daemon=$(without_csh "$command")
if [ -n "$look_at_end" ] && [ "$PPID" = "$(cat "$folder/launcher" 2>/dev/null)" ] && mkdir -p "$folder/daemon" &&
  echo $$ >"$folder/daemon/$host.ssh"; then
  # In a session of its own the daemon is found with all that it has started, as it would be without a shell above it.
  # shellcheck disable=SC2016 # expanded on the node
  daemon=${daemon%%"env $mark "*}'$(command -v setsid) '"env $mark ${daemon#*"env $mark "}"
  look="set --
for one in \$(grep -slzxF -e $mark /proc/[0-9]*/environ | cut -d/ -f3); do
  read -r name </proc/\$one/comm; [ \"\$name\" != orted ] || { echo ec2mpi-daemon-stays; exit \$status; }
done 2>/dev/null
$(cat "$folder/sweep")"
fi
[ -z "$announce" ] || announce="$announce; command printf '\\n%s\\n' $begin"
# A start-up file may have closed standard error.
command=$(octal_word "true >&2 || exec 2>/dev/null
$announce
$sampler
( $daemon ) >&2
status=\$?
$look
exit \$status")
# shellcheck disable=SC2016 # expanded on the node
set -- "$@" 'exec /bin/sh -c '\''eval "$(command printf %b "$1")"'\'" sh $command"
[ -e "$folder/err.pipe" ] || exec ssh -x "$@" >/dev/null
exec 2>>"$folder/err.pipe"
start_daemon_of_open_mpi "$host" -x "$@"
