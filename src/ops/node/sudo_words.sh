#!/bin/sh
# Defines two functions:
#   try_sudo                  is true if sudo runs a shell that may start programs, and asks nothing. A sudo that runs
#                             `true` may still refuse a shell, and our programs need one. Its refusal repeats the
#                             program that it was to run, which is short here.
#   sudo_words SAID [STATUS]  prints what a sudo said that refused (LC_ALL=C sudo -n) as one sentence: its last line,
#                             behind its first one, where a broken sudoers file is named. A host name without an
#                             address is no reason.
# shellcheck disable=SC2329 # the text behind this one calls them
try_sudo() {
  LC_ALL=C sudo -n sh -c 'env true' </dev/null
}
# shellcheck disable=SC2329
sudo_words() {
  set -- "$1" "${2-}" 'sudo there does not let this account run sh as root; sudo -l shows what it allows'
  case $2:$1 in
    126:*) echo 'sudo there lets a program start no other one (noexec in sudoers), so nothing can be done as root' ;;
    *'/sh -c '*) echo "$3" ;;
    *'must have a tty'*) echo 'sudo there serves only at a terminal (requiretty in sudoers); visudo takes that line out' ;;
    *)
      # It asks for a password even for what its rules allow nobody with one, and lists nothing for that.
      case $1 in *'password is required'*) [ -n "$(LC_ALL=C sudo -n -l sh 2>&1 </dev/null)" ] || { echo "$3"; return; } ;; esac
      printf '%s\n' "$1" | awk '
        NF && !/unable to resolve host/ { sub(/^sudo[^ ]*: /, ""); last = $0; if (first == "") first = $0 }
        END {
          if (last == "") last = "it said nothing"
          shown = first == "" || first == last ? last : first "; " last
          if (last ~ /(password|authentication) is required/) print "sudo does not serve without a password here: " shown
          else print "sudo does not serve here: " shown
        }'
      ;;
  esac
}
