# Removes the folders of the jobs that the arguments name, and with $days above 0 those of all jobs that ended that many
# days ago. It stands behind functions.sh; a line "set -- WORD..." gives the arguments.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2115,SC2034 # $id is never empty; the text in front sets these variables

# cannot_remove REASON: sudo helps only where it is about permission.
cannot_remove() {
  case $1 in
    *'ermission denied' | *' not permitted') give_up "$(id -un) may not remove all of $jobs/$id: ec2mpi exec -w 1 'sudo rm -rf ~/.ec2mpi/jobs/$id'" ;;
  esac
  give_up "cannot remove all of $jobs/$id: $1"
}
remove() {
  id=$1
  job_state "$jobs/$id"
  case $state in running | ending | waiting) give_up "$id is $state; ec2mpi cancel $id ends it" ;; esac
  # Without another process in the normal case.
  rm -rf "$jobs/$id" 2>/dev/null || {
    chmod -R u+rwX "$jobs/$id" 2>/dev/null
    said=$(rm -rf "$jobs/$id" 2>&1) || cannot_remove "${said##*: }"
  }
  echo "removed $id"
}
# remove_series NAME: the jobs of the newest series of that name.
remove_series() {
  newest_series "$1" && read -r second place wanted rest <"$member/queue" || return
  failed=0
  for entry in "$jobs"/*/queue; do
    { [ -f "$entry" ] && read -r second place series rest <"$entry"; } || continue
    [ "$series" = "$wanted" ] || continue
    entry=${entry%/queue}
    (remove "${entry##*/}") || failed=$?
  done
  return "$failed"
}
code=0 some='' takes_series=yes whole_name=yes
# One wrong word, as a pattern gives that the shell here has filled in, makes all of them doubtful.
for word; do
  (find_job "$word")
  case $? in 0 | 3) ;; *) code=2 ;; esac
done
[ "$code" = 0 ] || exit "$code"
for word; do
  # In a subshell, which a word that names no job ends.
  (find_job "$word" && remove "$id")
  status=$?
  [ "$status" != 3 ] || { remove_series "$word"; status=$?; }
  if [ "$status" = 0 ]; then some=yes; else code=$status; fi
done
if [ "$code" != 0 ]; then
  [ -z "$some" ] || code=1
  exit "$code"
fi
[ "$days" -gt 0 ] || exit 0
for old in $(cd "$jobs" 2>/dev/null && find . -mindepth 2 -maxdepth 2 -name exit -mtime "+$((days - 1))"); do
  id=${old#./} id=${id%/exit}
  rm -rf "$jobs/$id" && echo "removed $id"
done
