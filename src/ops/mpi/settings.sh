# Settles collisions between the line of mpirun and the user's own settings of Open MPI on the master, in the user's
# favour. "$@" is the line; its first $words words come from ec2mpi, the other words from the user. $own holds the names
# of ec2mpi's parameters, each between blanks; $elsewhere holds settings of other nodes, as find_settings prints them,
# with the nodes in front of the place (node2:FILE:LINE). Afterwards "$@" is the line to run. Changes are reported on
# standard error.
# - A parameter that the user sets, in a variable or a file in the home, is left out of the line. The launch agent
#   stays, for it marks the daemons.
# - Open MPI 5 also accepts the names of Open MPI 4 (plm_rsh_agent): the value of the user replaces ours.
# - X_if_include is left out where the user sets X_if_exclude: Open MPI accepts only one of them. A setting of any node
#   counts, for a rank has the parameters of the line and those of its node.
# - plm is overruled unless the user leaves it to ssh, for nothing else starts daemons here; --mca plm still wins.
# - Other settings that choose interfaces or components are reported, for the job may fail because of them; so are those
#   of other nodes that the master does not have, for the nodes may disagree.
# - Where the user sets mca_base_env_list, Open MPI accepts no -x: the variables join the user's list.
# It stands behind find_settings.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # the text in front sets these variables

# The line's own name of a parameter that the user calls as Open MPI 4 does; else the same name.
rename_old() {
  case $own in
    *" prte_launch_agent "*)
      sed -e 's/^plm_rsh_/plm_ssh_/' -e 's/^orte_/prte_/' -e 's/^oob_tcp_if_\([a-z]*clude\) /prte_if_\1 /' ;;
    *) cat ;;
  esac
}
# setting NAME: sets $found to the name, $named to the user's name for it, $place and $value; false if the user does not
# set it.
setting() {
  found=$1
  read -r named place value <<END
$(printf '%s\n' "$settings" | awk -v name="$1" '$1 == name { sub(/^[^ ]* /, ""); print; exit }')
END
  [ -n "$place" ]
}
is_elsewhere() {
  case $place in node*:*) ;; *) return 1 ;; esac
}
# The files of the system hold what a distribution prefers: ec2mpi's own parameters win over them.
is_users() {
  case $place in node*:*) return 1 ;; *_MCA_* | "$HOME"/*) ;; *) return 1 ;; esac
}
note() { echo "ec2mpi: $*" | tr -d '\000-\010\013-\037\177' >&2; }
# Reports settings that choose interfaces or components, and that no parameter of ec2mpi is about.
note_choices() {
  while read -r found named place value; do
    is_choice "$found" || continue
    case $own in
      *" ${found%exclude}include "*) ;; # yields reports it
      *" $found "*)
        if ! is_elsewhere; then :
        elif (setting "$found" && is_users); then note "$place sets $named to $value, unlike the master"
        else note "$place sets $named to $value, which is not used: the line of mpirun sets it"
        fi ;;
      *)
        if is_elsewhere; then note "$place sets $named to $value, unlike the master"
        elif is_users; then note "$place sets $named to $value"
        fi ;;
    esac
  done
}
# yields NAME VALUE: has the parameter of ec2mpi to go?
yields() {
  case $own in *" $1 "*) ;; *) return 1 ;; esac
  case $1 in
    *_launch_agent)
      ! setting "$1" || ! is_users || note "$place sets $named, which is not used: ec2mpi needs its own to mark the daemons"
      return 1 ;;
  esac
  if setting "$1" && is_users; then
    note "$place sets $named to $value; ec2mpi's own is left out ($2)"
    (
      case $1 in *_if_include) ;; *) return ;; esac
      ! setting "${1%include}exclude" || note "$place sets $named to $value, too; Open MPI accepts only one of them"
    )
    return 0
  fi
  case $1 in *_if_include) ;; *) return 1 ;; esac
  setting "${1%include}exclude" && note "$place sets $named to $value; ec2mpi's $1 $2 is left out"
}
# keep WORDS: they stay in the line. It is collected as text, for each `set -- "$@"` copies all words of a program that
# may have thousands.
keep() {
  for word; do
    case $word in *\'*) word=$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g") ;; esac
    line="$line '$word'"
  done
}

settings=$({ find_settings "${1%/bin/*}" 2>/dev/null; printf %s "$elsewhere"; } | awk '{ print $1, $0 }' | rename_old)
if [ -n "$settings" ]; then
  printf '%s\n' "$settings" | note_choices
  line='' list=''
  setting mca_base_env_list && list=$value listed_in=$place
  while [ "$words" -gt 0 ]; do
    case $1 in
      --mca | --prtemca)
        if ! yields "$2" "$3"; then
          keep "$1" "$2" "$3"
        elif [ "$named" != "$found" ]; then
          keep "$1" "$found" "$value"
        fi
        shift 3
        words=$((words - 3)) ;;
      -x)
        if [ -n "$list" ]; then list="$list;$2"; else keep "$1" "$2"; fi
        shift 2
        words=$((words - 2)) ;;
      *)
        keep "$1"
        shift
        words=$((words - 1)) ;;
    esac
  done
  if [ -n "$list" ]; then
    note "$listed_in sets mca_base_env_list; the variables of the job join it"
    keep --mca mca_base_env_list "$list"
  fi
  case $own in *" prte_launch_agent "*) flag=--prtemca starter=ssh ;; *) flag=--mca starter=rsh ;; esac
  case " $* $line " in *" plm "* | *" 'plm' "*) asked=yes ;; *) asked=no ;; esac
  if [ $asked = no ] && setting plm; then
    case $value in
      "$starter" | ^*) ;;
      *)
        note "$place sets plm to $value, which is not used: ec2mpi starts the daemons by ssh"
        keep "$flag" plm "$starter" ;;
    esac
  fi
  eval "set -- $line \"\$@\""
fi
