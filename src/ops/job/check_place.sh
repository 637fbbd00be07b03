# Functions that look on the master whether one job could be made there, and change nothing. They stand behind
# functions.sh; the calls follow them (script.cpp), with $workdir, and $name where the user's script is run.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front and behind sets and reads these variables

# Sets $script, the path of the script $name on the master, and $workdir to the folder where it lies.
find_script() {
  for place in "$workdir" "$HOME"; do
    [ -f "$place/$name" ] && { script=$place/$name; workdir=$place; return; }
  done
  give_up "there is no $name, neither here nor in $workdir; and ec2mpi.toml has no such job. A program stands behind --: ec2mpi run -- PROGRAM" 2
}
# Ends the program if the job's folder could not be made, or the job not run in $workdir.
check_place() {
  [ -d "$workdir" ] ||
    give_up "there is no folder $workdir; push the job's files first, or name another with --workdir"
  (cd -- "$workdir") 2>/dev/null || give_up "$(id -un) may not enter $workdir; name another folder with --workdir"
  for tool in setsid flock ps awk grep tail mkfifo dd cksum cmp; do
    command -v "$tool" >/dev/null || give_up "$tool is missing; install it" 127
  done
  tail --pid=$$ -c +1 /dev/null 2>/dev/null || give_up "tail knows no --pid; install that of GNU (coreutils)" 127
  need_jobs
}
