# Part of push.sh, in front of it: how the archive arrives, from the laptop or from another node, and is unpacked into
# the stage. ec2mpi calls begin, lanes, start, fetch, drop_feeder, know_size and commit.
#
# A node that may have to feed others stores the archive in a file. Every reader of it follows the file at its own pace:
# this node's tar and checksum, and the nodes that fetch it over ssh. So no reader holds up another one. Any other node
# gives the bytes to tar and to the checksum through a pipe. Whatever happens to a feeder, a node continues at its
# offset from another one.
# tar reads to the end of its input even when the disk is full; so it is killed at its first complaint of that kind.
# Variables of push.sh: $base, $host, $key, $marked, $stage, $own, $started, $worker, $keeper, $packed, $serves, $taken.
# shellcheck disable=SC2046,SC2086 # lists of options, and the words of an answer, are split on purpose

# Removes the stages and marks of earlier pushes from this host whose process is gone, and old marks of other hosts. A
# script that still waits for its laptop gets a note that all files are in place: when that script ends, it removes its
# stage, which is of no use to another push.
tidy() {
  for old in "$base"/.ec2mpi-push."$host".*; do
    is_folder "$old" && [ "$old" != "$stage" ] || continue
    if is_dead "$old"; then
      remove "$old"
    else
      # Only in our own folder: into another user's, links could lead elsewhere.
      case $old in */.ec2mpi-push."$host"."$key".*) [ ! -O "$old" ] || mkdir "$old/.own/superseded" 2>/dev/null ;; esac
    fi
  done
  for old in "$base"/.ec2mpi-push.mark.* "${base%/*}"/.ec2mpi-push.mark.*; do
    [ -L "$old" ] && [ "$old" != "$marked" ] && said=$(readlink "$old") || continue
    case $said in
      *."$host".*) is_dead "$said" ;;
      *) [ -n "$(find "$old" -prune -mtime +0)" ] ;; # of another host, and older than a day
    esac && rm -f "$old"
  done 2>/dev/null
}

# Leaves only the arrived files in the stage.
clear() { rm -rf "$own" "$stage/named" "$stage"/folders* "$stage/tails" "$stage/listed" "$stage/sizes"; }

# The reason that a program gives in its first complaint.
first_reason() {
  set -- "${1%%"
"*}"
  printf '%s' "${1##*: }"
}

# begin OLD: makes the stage, or continues with the one that an earlier push has left. In a folder that others can write
# to, one that is there already may be theirs.
begin() {
  know_tar
  [ -d "$base" ] || said=$(mkdir -p "$base" 2>&1) || die "$said"
  if [ -n "$1" ]; then
    ! exists "$stage" && mv "$1" "$stage" || die 'the stage of an earlier push is gone; push again'
    clear
  else
    said=$(mkdir -m 700 "$stage" 2>&1) || die "cannot write into $base: $(first_reason "$said")"
  fi
  said=$(mkdir -m 700 "$own" 2>&1) || die "cannot write into $base: $(first_reason "$said")"
  started=1
}

# The number of this very process, which keeps it when it becomes a program by `exec`; $$ is that of the first shell.
print_process() {
  read -r process _ </proc/self/stat && echo "$process"
}

# explain: the reason in the complaints of a tar that failed. Nothing if they say that its input has been broken off:
# the checksum shows that. A full disk explains more than the complaints before it.
explain() {
  reason= full=
  while IFS= read -r line; do
    case $line in
      *EOF* | *'short read'*) reason= full= && break ;;
      *': Wrote only '*) line="${line%%: Wrote only *}: No space left on device" ;;
    esac
    [ -n "$reason" ] || reason=$line
    [ -n "$full" ] || ! is_hopeless "$line" || full=$line
  done
  [ -z "$reason" ] || printf '%s\n' "${full:-$reason}"
}
is_hopeless() {
  case $1 in
    *'No space left on device'* | *'quota exceeded'* | *'Wrote only '* | *'Read-only file system'*) ;;
    *) return 1 ;;
  esac
}

# Unpacks standard input into the stage; gives the reason if tar fails. The words of a tar that ends well are no reason;
# a tar that can write nothing more is ended at once.
unpack() {
  {
    (
      print_process
      exec tar $tar_options -xpof - -C "$stage" >/dev/null
    )
    printf 'status %s\n' $?
  } 2>&1 | {
    read -r process
    said=
    while IFS= read -r line; do
      case $line in "status "*) break ;; esac
      [ ${#said} -gt 4000 ] || said="$said$line
"
      is_hopeless "$line" && kill "$process" 2>/dev/null
    done
    [ "$line" = 'status 0' ] || printf %s "$said" | explain
  }
}

# Counts what tar has unpacked by the list that lies in the archive: every member is there, of its kind and size.
count_arrived() {
  lacking='the archive'
  if [ -f "$stage/listed" ] && [ -f "$stage/sizes" ]; then
    sizes=$(cat "$stage/sizes")
    if command -v xargs >/dev/null; then
      there=$(cd "$stage" && [ -s listed ] && xargs -0 stat -c '%f %s' <listed 2>/dev/null |
        sed 's/^\(4\|a\).*/\1/; s/^\(.\)... /\1 /')
      [ "$there" != "$sizes" ] || return 0
    fi
    lacking=$(cd "$stage" && tr '\0\n' '\n?' <listed | first_lacking)
    [ -n "$lacking" ] || command -v xargs >/dev/null || return 0
    [ -n "$lacking" ] || lacking=$(first_other)
  fi
  die "${lacking#tails/}: did not come out of it whole, though tar there said nothing; \
see \`command -v tar\` and TAR_OPTIONS on the node"
}
# A name with an end of line in it is shown with "?", and can't be looked for here.
first_lacking() {
  while IFS= read -r name; do
    exists "$name" || case $name in *\?*) ;; *) printf '%s\n' "$name" && return ;; esac
  done
}
# All are there: so the lines are those of the same members.
first_other() {
  number=0
  printf '%s\n' "$there" | {
    while IFS= read -r line <&3 && IFS= read -r wanted; do
      number=$((number + 1))
      [ "$line" = "$wanted" ] || break
    done 3<&0 <"$stage/sizes"
    tr '\0\n' '\n?' <"$stage/listed" | sed -n "${number}p"
  }
}

# start [gzip] [much] [serve]: all is ready for the archive. It may be compressed, or so long that a faster checksum
# pays; and this node may have to feed others from it.
start() {
  for word; do
    case $word in gzip) packed=1 ;; much) much=1 ;; serve) serves=1 ;; esac
  done
  # cat, because dash's own echo gives "I/O error" for every reason.
  said=$({ mkfifo -m 600 "$own/began" "$own/sums" "$own/flow" && echo 0 | cat >"$own/offset"; } 2>&1) ||
    die "cannot write into $base: $(first_reason "$said")"
  stays=$serves$marked
  [ -z "$serves" ] || said=$( (: >"$own/archive") 2>&1) || die "cannot write into $base: $(first_reason "$said")"
  # Its parent waits for it, so that its number is free at once when it has ended.
  {
    report_progress &
    echo $! >"$own/began"
    wait
  } &
  read -r keeper <"$own/began" || die 'the node could not start the processes of a push'
  echo "$keeper" >"$own/keeper"
  { (receive) || kill -USR1 $$; } &
  worker=$!
  if [ -n "$serves" ]; then exec 8>>"$own/archive"; else exec 8>"$own/flow"; fi
}

# Reports how many bytes have arrived, while the reports are read. As long as this lives, more bytes may arrive: readers
# of the archive, here and on other nodes, end when it has ended and they have read all.
report_progress() {
  while sleep 1 >/dev/null 2>&1; do printf 'has %s\0' "$(count_bytes)" || break; done 2>/dev/null
}
count_bytes() {
  if [ -n "$serves" ]; then
    wc -c <"$own/archive"
  else
    read -r process <"$own/tee" && read -r _ bytes <"/proc/$process/io" && echo "$bytes"
  fi
}

# Gives the archive as it arrives, to tar and to the checksum.
read_archive() {
  if [ -n "$serves" ]; then
    exec tail -c +1 -f -s 0.05 --pid="$keeper" "$own/archive" 2>/dev/null
  else
    print_process >"$own/tee"
    exec tee "$own/sums" <"$own/flow" 2>/dev/null
  fi
}

# The archive goes to its readers as it arrives. A complaint of tar, or of a shell that cannot start it, ends this node's
# part at once; a killed tar, and a checksum that the disk has no room for, have their own words.
receive() {
  if [ -n "$serves" ]; then
    read_archive | measure >"$own/sum" &
  else
    { (measure <"$own/sums" >"$own/sum") || free_pipes; } 2>/dev/null &
  fi
  complaint=$({
    if [ -n "$packed" ]; then read_archive 2>&7 | gzip -dc | unpack; else read_archive 2>&7 | unpack; fi
  } 7>&1 2>/dev/null)
  free_pipes
  [ -z "$complaint" ] || { printf 'ec2mpi: %s\n' "$complaint" >&2 && exit 1; }
  wait
}

# take_data BYTES: the archive arrives on standard input.
take_data() {
  find_taker
  taken=$((taken + $1))
  said=$(take "$1" 2>&1 >&8) || [ -z "$serves" ] || die "cannot write into $base: $(first_reason "$said")"
}

# fetch K ADDRESS PORT USER COMMAND: gets the archive from another node, from the bytes on that are here; this is the
# K-th feeding. COMMAND lacks the number of the first byte. ssh is stopped by drop_feeder, also before it has begun.
fetch() {
  note_taken
  fetch_from "$@" &
}
fetch_from() {
  read -r offset <"$own/offset"
  failed=
  find_swift -p "$3" "$2"
  said=$({
    (
      print_process >"$own/fetch.$1"
      [ ! -e "$own/drop.$1" ] || exit 0
      exec ssh -T $swift -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -p "$3" -l "${4:-$(id -un)}" \
        -- "$2" "$5$((offset + 1))" 2>"$own/said.$1" </dev/null 8>&-
    ) || : >"$own/failed.$1"
  } | dd bs=65536 2>&1 >&8) || failed=1
  if [ -n "$failed" ] && [ -n "$serves" ]; then
    printf 'ec2mpi: cannot write into %s: %s\n' "$base" "$(first_reason "$said")" >&2
    kill -USR1 $$
  fi
  bytes=${said##*"
"}
  bytes=${bytes%% *}
  case $bytes in '' | *[!0-9]*) kill -TERM $$ ;; esac # nothing else knows where to continue
  offset=$((offset + bytes))
  echo "$offset" >"$own/offset"
  end_if_whole
  reason=
  [ ! -e "$own/failed.$1" ] || reason=$(tail -n 1 "$own/said.$1")
  printf 'at %s %s %s\0' "$1" "$offset" "$reason"
}
# drop_feeder K: ends a feeding, which then reports how many bytes have arrived.
drop_feeder() {
  : >"$own/drop.$1"
  read -r process <"$own/fetch.$1" && kill "$process"
} 2>/dev/null

# Bytes that came from the laptop are counted here, others by fetch. Only one of both is at work.
note_taken() {
  [ "$taken" != 0 ] || return 0
  read -r offset <"$own/offset"
  echo $((offset + taken)) >"$own/offset"
  taken=0
}

# know_size BYTES: of the whole archive.
know_size() {
  note_taken
  echo "$1" >"$own/size"
  end_if_whole
}
# know_size and fetch_from each write one number and then call this, so the later one of them finds both.
end_if_whole() {
  size= offset=-
  [ ! -e "$own/size" ] || read -r size <"$own/size"
  read -r offset <"$own/offset"
  [ "$size" != "$offset" ] || kill "$keeper" 2>/dev/null
}

# lanes N...: pipes through which additional connections bring parts of the archive, where one does not fill the link.
# Their numbers are those of the descriptors, of which a plain sh has nine.
lanes() {
  for n; do mkfifo -m 600 "$own/lane.$n" || die "cannot make a pipe in $base"; done
}

# A part of the archive from an additional connection, whose first one opens its pipe. If that breaks off, the parts
# behind it must not close the gap.
take_part() {
  case $opened in *"$2"*) ;; *) eval "exec $2<\"\$own/lane.$2\"" && opened=$opened$2 ;; esac
  [ "$1" -lt 65536 ] || take_blocks $(($1 / 65536)) 65536 "$2"
  [ $(($1 % 65536)) = 0 ] || take_blocks 1 $(($1 % 65536)) "$2"
  taken=$((taken + $1))
}
take_blocks() {
  said=$(dd iflag=fullblock bs="$2" count="$1" 2>&1 >&8 <&"$3") || [ -z "$serves" ] ||
    die "cannot write into $base: $(first_reason "$said")"
  case $said in "$1+0"*) ;; *) exit 3 ;; esac
}

# A process whose pipe no other one opens would wait for ever.
free_pipes() {
  for n in "$own"/*; do [ ! -p "$n" ] || (exec <>"$n"); done
}

# commit SUM: the archive is here; is it the right one?
commit() {
  exec 8>&-
  wait "$worker"
  read -r sum _ <"$own/sum"
  [ "$sum" = "$1" ] || exit 4
  count_arrived
}

# However it ends: our background processes are stopped. The arrived files stay if only the connection was lost. If the
# checksum is wrong, none of them can be trusted.
leave() {
  code=$?
  trap '' HUP INT TERM USR1
  trap - EXIT
  [ -z "$marked" ] || rm -f "$marked"
  [ -n "$started" ] || exit "$code"
  if [ "$code" = 0 ]; then kill "$keeper" 2>/dev/null; else kill -TERM 0; fi
  free_pipes
  if [ "$code" = 3 ]; then
    set -- "$stage"/[0-9]*
    if exists "$1" && ! exists "$own/superseded"; then clear; else remove "$stage"; fi
  else
    remove "$stage"
  fi
  exit "$code"
}
