#!/bin/sh
# The program of a pull: prints the token and the listing, then reads the paths that are wanted, each ended by NUL, to
# the end of its input, and sends these files as one archive. records.sh and sources.sh stand in front, and:
#   token  printed on its own line in front of the listing
# shellcheck disable=SC2154 # token and status are set in front of this text
printf '%s\n' "$token"
need tar
need_list_tools
list_all
case $(tar --version 2>/dev/null) in
  *GNU*) tar --hard-dereference --null --no-recursion -P -cf - -T - ;;
  *bsdtar*) tar --null -n -P -cf - -T - ;;
  *) tr '\0' '\n' | tar --no-recursion -cf - -T - ;;
esac || status=1
exit "$status"
