# Functions of the supervisor (supervise.sh, which stands behind them): how the job has ended, by its status and its output.
# They set $why and $status.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # variables of supervise.sh
# shellcheck disable=SC2329 # it calls the functions

# mpirun returns 0 for a rank that aborts with 0 or a multiple of 256. Only the complete message of an MPI counts, line
# by line, because programs print such sentences, too. In front of it may stand text that a rank has printed without an
# end of line. A user's own script (named in the file `script`) has seen the status of its mpirun, so for a script only
# an abort that this status hid is reported.
aborted() {
  grep -q -e '^MPI_ABORT was invoked on rank ' -e ': application called MPI_Abort(' err || return 1
  awk -v all="$(cat script)" '
    function ends_in_dashes(line) { return length(line) > 50 && substr(line, length(line) - 49) ~ /^-+$/ }
    function count(code) { if (all == "" || code % 256 == 0) found = 1 }
    /^MPI_ABORT was invoked on rank [0-9]+ in communicator / { if (ends_in_dashes(last)) { in_block = 1; code = "" } }
    in_block && (/^with errorcode -?[0-9]+\.$/ || /^ +Errorcode: -?[0-9]+$/) { code = $NF + 0 }
    in_block && /^NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes\.$/ { if (code != "") count(code); in_block = 0 }
    in_block && /^-+$/ { in_block = 0 }
    /^Abort\(-?[0-9]+\) on node [0-9]+ \(rank [0-9]+ in comm -?[0-9]+\): application called MPI_Abort\(.*, -?[0-9]+\) - process [0-9]+$/ {
      code = $1; gsub(/[^-0-9]/, "", code)
      again = $0; sub(/\) - process [0-9]+$/, "", again); sub(/.*, /, "", again)
      if (code == again && $4 == $NF) count(code + 0)
    }
    { last = $0 }
    END { exit !found }' err
}
# page_begins_with PATTERN: does a page of Open MPI, which stands between lines of dashes?
page_begins_with() {
  tail -c 65536 err | awk -v pattern="^($1)" '
    function ends_in_dashes(line) { return length(line) > 50 && substr(line, length(line) - 49) ~ /^-+$/ }
    ends_in_dashes(last) && $0 ~ pattern { found = 1 }
    { last = $0 }
    END { exit !found }'
}
# Open MPI 5 returns 0 or 255 after it has lost a node; its message shows that. In ec2mpi, 255 means a lost job.
lost_a_node() { page_begins_with '(ORTE|PRTE) has lost communication with a remote daemon[.]$'; }
# Open MPI returns an error number of its own (132 to 135), which looks like a signal of a rank.
not_started() { page_begins_with '[a-z]+ was unable to (launch|find|start|access|open) ' || not_executed; }
not_executed() { page_begins_with '[A-Za-z ]+ tried to fork a new process via the "execve" system call but$'; }
# If the system does not start a file that is there, its error ("No such file") is about the interpreter in the file's
# first line. Here that line is read, for hints.cpp.
explain_start() {
  program=$(tail -c 65536 err | sed -n -e 's/^  Application name:  //p' -e 's/.*execvp error on file \(.*\) ([^()]*)$/\1/p' | head -n 1)
  [ -n "$program" ] || return
  cd -- "$(cat workdir)" || return
  case $program in */*) ;; *) program=$(PATH=$ec2mpi_path && command -v "$program") ;; esac
  if [ -d "$program" ]; then
    echo "ec2mpi: $program is a folder"
    return
  fi
  IFS= read -r first <<END
$(head -c 512 "$program" | tr -d '\000' | head -n 1)
END
  cr=$(printf '\r')
  case $first in
    '#!'*"$cr") echo "ec2mpi: $program is a script with the line ends of Windows" ;;
    '#!'*)
      set -f
      # shellcheck disable=SC2086 # the first word
      set -- ${first#??}
      [ -z "$1" ] || [ -x "$1" ] || echo "ec2mpi: $program asks in its first line for $1, which is not on the master" ;;
  esac
} 2>/dev/null
# Open MPI has a page about each rank that makes it fail. Only with this setting a rank may end with any status, and there
# is no page. Of the mpirun in a script only the script has seen the status.
tells_of_ranks() {
  [ ! -s script ] && grep -q '^mpi Open MPI' meta && ! grep -q -s abort_on_non_zero_status run environment
}
# Without a page, the status of KILL is that of mpirun itself. Other signals it catches, and ends with 1 and without a word.
mpirun_killed() { tells_of_ranks && ! page_begins_with '([a-z]+ (noticed|detected) that |Primary job )'; }
mpirun_ended() { ! without_noise err | grep -q '' && [ ! -f lost_output ] && tells_of_ranks; }
# A race in Open MPI: its launcher warns often, and the job runs well. words.cpp takes it out of what is shown.
without_noise() { sed '/^\[.*] plm:.*Warning: setpgid(/d' "$@"; }
# The sentence of the first complete page of Open MPI about a rank that a signal ended.
crash_of_rank() {
  grep -q ' noticed that process rank ' err && awk '
    said != "" && /^-+$/ { sub(/[.]$/, "", said); print said; exit }
    { said = "" }
    length(last) > 50 && substr(last, length(last) - 49) ~ /^-+$/ &&
      /^[a-z]+ noticed that process rank [0-9]+ with PID [0-9]+ on node [^ ]+ exited on signal [0-9]+/ { said = $0 }
    { last = $0 }' err | head -c 300
}
# A launcher that is a script, such as a wrapper of a site, may end with 0 whatever the mpirun in it returned. An mpirun
# that is a program returns the truth, and then a page in the output is one that the job itself has printed.
launcher_is_script() {
  launcher=$(sed -n 's/^mpirun //p' meta)
  [ ! -s script ] && [ -r "$launcher" ] && [ "$(head -c 4 "$launcher" | tail -c 3)" != ELF ]
}
# Prints the status of an mpirun that has said that the job failed: the first one that a page names, else 1. Only whole
# pages count, which stand between two lines of dashes (Open MPI) or of = (MPICH). They may be in either stream.
told_failure() {
  { tail -c 65536 err; echo; tail -c 65536 out; } | tr -d '\000\r' | awk '
    # The pattern begins the page and ends with a number.
    function tell(pattern, added) {
      if (named != "" || !match(page, pattern)) return
      words = substr(page, 1, RLENGTH)
      match(words, /[0-9]+$/)
      named = added + substr(words, RSTART)
    }
    function read_page() {
      gsub(/[ \t]+/, " ", page)
      tell("^ [a-z]+ noticed that process rank [0-9]+ with PID [0-9]+ on node [^ ]+ exited on signal [0-9]+", 128)
      tell("^ [a-z]+ detected that one or more processes exited with non-zero status, .* Exit code: [0-9]+", 0)
      tell("^ = BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES .* = EXIT CODE: [0-9]+", 0)
      if (page ~ /^ [A-Z][a-z]+ job .*terminated normally, but [0-9]+ process(es)? returned / ||
          page ~ /^ [A-Za-z]+ was unable to (reliably )?(launch|find|start|access|open) / ||
          page ~ /^ [A-Za-z ]+ tried to fork a new process via the "execve" system call but / ||
          page ~ /^ [a-z]+ has (exited due to |detected an attempt to run as root)/ ||
          page ~ /^ There are not enough slots available /) failed = 1
      page = ""
    }
    length($0) > 50 && substr($0, length($0) - 49) ~ /^(-+|=+)$/ { read_page(); next }
    length(page) < 4096 { page = page " " $0 }
    /^\[proxy:[^ ]+\] .*execvp error on file / || /^\[[^ ]+:[0-9]+\] [*][*][*] +MPI_ERRORS_ARE_FATAL [(]/ { failed = 1 }
    END { if (named != "") print named % 256 ? named % 256 : 1; else if (failed) print 1 }'
}
# Open MPI 5 writes a line into `ranks` for each rank that it has started. Now and then it starts fewer ranks than it
# was told to, and returns 0.
ranks_missing() {
  [ -s ranks ] && [ "$(grep -c '^(rank,' ranks)" -lt "$(sed -n 's/^np //p' meta)" ]
}
# One line that jobs with the same fault have in common: the first exception in their output, else the first line about
# an error, else the status. A limit, a full disk, and that a job was cancelled or lost, are no such reasons.
failure_reason() {
  case $why in cancelled | timeout | hang | lost* | "no room") echo -; return ;; esac
  head -c 262144 err | without_noise | tr -d '\000\r' | awk -v status="$status" '
    { sub(/^\[[0-9]+,[0-9]+\]<std(err|out|diag)>: ?/, ""); sub(/^\[[0-9]+\] /, "") }
    /^[A-Za-z_][A-Za-z0-9_.]*(Error|Exception|Interrupt|Exit)(: |$)/ { if (exception == "") exception = $0 }
    error == "" && /^[^-]/ && /[Ee]rror|ERROR|not found|[Nn]o such|denied|[Cc]annot|[Ff]ailed/ { error = $0 }
    END {
      reason = exception != "" ? exception : error != "" ? error : "exit " status
      print substr(reason, 1, 200)
    }'
}
# Runs the hook of the settings when the job is over. It is no part of the job: nobody waits for it, and its limits are
# a minute and 10 MiB in a file.
run_hook() {
  [ -s hook ] || return
  (
    exec >hook.log 2>&1
    hook=$PWD/hook
    ulimit -f 20480
    unset LC_ALL
    # shellcheck disable=SC1091 # make_folder.sh has made it
    . ./environment
    PATH=$ec2mpi_path HOME=${ec2mpi_home:-$HOME}
    unset ec2mpi_path ec2mpi_home
    cd && EC2MPI_JOB_ID=$id EC2MPI_STATUS=$status EC2MPI_WHY=$why exec setsid timeout -k 5 60 sh "$hook"
  ) &
}
# Sets $why, where there is none yet.
because() { [ -n "$why" ] || why=$1; }
judge() {
  case $status in
    0 | 255) ! lost_a_node || status=205 ;;
    13? | 1[4-9]? | 2??) ! not_started || status=1 ;;
  esac
  if [ "$status" != 0 ] && grep -q -e 'execvp error on file ' -e 'via the "execve" system call' err; then
    (explain_start) >>err
  fi
  if [ "$status" = 0 ] && ranks_missing; then
    because 'ranks missing'
    status=205
  fi
  if [ "$status" = 137 ] && mpirun_killed; then because 'mpirun killed'; fi
  if [ "$status" = 1 ] && mpirun_ended; then because 'mpirun ended'; fi
  if [ "$status" = 0 ] && aborted; then
    because aborted
    status=1
  fi
  if [ "$status" = 0 ] && launcher_is_script; then
    status=$(told_failure)
    : "${status:=0}"
    [ "$status" = 0 ] ||
      echo "ec2mpi: $launcher ended with 0, but the mpirun in it said that the job failed; the wrapper has to return mpirun's status" >>err
  fi
  if [ "$status" = 0 ] && [ -s script ]; then
    crash=$(crash_of_rank)
    [ -z "$crash" ] ||
      echo "ec2mpi: an mpirun of this script failed ($crash), but the script ended with 0; set -o pipefail or set -e shows it" >>err
  fi
  # Nobody has seen the writes of a script; a disk that is full at its end has not taken all of them.
  if [ -s script ]; then
    head -c 65536 /dev/zero 2>/dev/null >probe || mark_as lost_output
    rm -f probe
  fi
  if [ -f input.cut ]; then
    because 'input lost'
    [ "$status" != 0 ] || status=1
  fi
  if [ -f lost_output ]; then
    because 'output lost'
    [ "$status" != 0 ] || status=1
  fi
}
