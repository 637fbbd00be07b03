#!/bin/sh
# Defines `sudo_words SAID`, which prints what a sudo said that refused (LC_ALL=C sudo -n) as one sentence: its last
# line, behind its first one, where a broken sudoers file is named. A host name without an address is no reason.
# shellcheck disable=SC2329 # the text behind this one calls it
sudo_words() {
  case $1 in
    *'/sh -c '*) echo 'sudo there does not let this account run sh as root; sudo -l shows what it allows' ;;
    *'must have a tty'*) echo 'sudo there serves only at a terminal (requiretty in sudoers); visudo takes that line out' ;;
    *)
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
