# Prints the records of all jobs, the newest one first, by the time of `meta`; those whose folder is closed come last. It
# stands behind functions.sh.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # $jobs is set by functions.sh, and $strange is read there
need_jobs
strange=$(find_strange "$jobs" 2)
# list_job NAME: a folder with a name that no job can have is none.
list_job() {
  case $1 in -* | *[!A-Za-z0-9._-]*) return ;; esac
  [ ! -d "$jobs/$1" ] || record "$1"
}
# shellcheck disable=SC2012 # list_job refuses the names that ls would change
for meta in $(cd "$jobs" 2>/dev/null && ls -td -- */meta 2>/dev/null); do list_job "${meta%/meta}"; done
for entry in "$jobs"/*/; do
  entry=${entry%/}
  [ -x "$entry" ] || list_job "${entry##*/}"
done
