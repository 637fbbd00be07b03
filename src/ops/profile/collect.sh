# Prints the counters of the ranks on this node. In front of this text stand:
#   folder  where they lie
#   remove  yes: removes them after that, and the library with those of the last node; empty: keeps all
# A file rank.PID.HOST is an array of 64-bit numbers (shim.c). It becomes one line, "rank INDEX:VALUE ...", without the
# zeros. The line "now SECONDS" has the time of the clock that the numbers use.
# shellcheck shell=sh
# shellcheck disable=SC2154 # folder and remove are set in front of this text
export LC_ALL=C
read -r up rest </proc/uptime
echo "now $up"
cd "$folder" 2>/dev/null || exit 0
for file in rank.*."$(uname -n)"; do
  [ -f "$file" ] || continue
  od -A n -v -t u8 "$file" | awk '
    { for (i = 1; i <= NF; i++) if ($i != "0") line = line " " (n + i - 1) ":" $i; n += NF }
    END { print "rank" line }'
  [ -z "$remove" ] || rm -f "$file"
done
[ -n "$remove" ] || exit 0
set -- rank.*
[ -f "$1" ] || { cd .. && rm -rf "$folder" && rmdir "$PWD" 2>/dev/null; }
exit 0
