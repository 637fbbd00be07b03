# Functions that make the folder of one job on the master. They stand behind functions.sh and check_place.sh; the calls
# follow them (script.cpp), with $id, $workdir and $addresses.
# shellcheck shell=sh
# shellcheck disable=SC2015 # give_up does not return
# shellcheck disable=SC2154,SC2034 # the text in front and behind sets and reads these variables

# mkdir is the lock: no two jobs have one folder.
make_folder() {
  folder=$jobs/$id
  mask=$(umask)
  umask 077
  said=$( { mkdir -p "$jobs" && chmod 700 "$HOME/.ec2mpi"; } 2>&1) || give_up "cannot make $jobs: ${said##*: }"
  said=$(mkdir "$folder" 2>&1) || {
    [ ! -d "$folder" ] || give_up "$id was started just now by another ec2mpi; ec2mpi attach $id follows it"
    give_up "cannot make $folder: ${said##*: }"
  }
  made=yes
  read -r up rest </proc/uptime
  keep made "$up $boot$newline"
  mkdir "$folder/spare" 2>/dev/null || cannot_write "$folder/spare"
  # The signal of a limit on the size of files would end this program without a word.
  (printf %600s '' >"$folder/spare/exit") 2>/dev/null
  [ $? -le 128 ] ||
    give_up "no file may be written (ulimit -f $(ulimit -f)); does a start-up file (.bashrc) set that limit?"
  for file in exit why; do keep "spare/$file" "$(printf '%512s' '')"; done
  # The user's variables, as they are now: the queue may start the job from another environment.
  (unset PWD OLDPWD IFS EC2MPI_JOB; export -p >"$folder/environment") 2>/dev/null || cannot_write "$folder/environment"
}
# cannot_write FILE: a shell calls a full disk an I/O error.
cannot_write() {
  df -P "$jobs" 2>/dev/null | awk 'NR == 2 { exit $4 > 0 }' && give_up "cannot write $1: no space is left"
  give_up "cannot write $1; is the disk full?"
}
# keep FILE TEXT
keep() { { printf %s "$2" >"$folder/$1"; } 2>/dev/null || cannot_write "$folder/$1"; }
# Is the file FILE one that was published before? `published` has a checksum a line.
is_published() { grep -qxF -e "$(cksum <"$1")" "$HOME/.ec2mpi/published"; } 2>/dev/null
# not_published REASON: a script may read the file, so its job is refused; any other program starts without the file.
not_published() {
  rm -f "$new"
  [ -z "$script" ] ||
    give_up "cannot write $there, which a script reads: $1; choose a folder of yours: --workdir FOLDER"
  echo "ec2mpi: the job gets no nodeIPaddress: $there cannot be written: $1" >&2
}
# The tutorial's scripts read nodeIPaddress where the job runs. A file of that name that the user has written is
# renamed.
publish_addresses() {
  new=${workdir%/}/.nodeIPaddress.$$ there=${workdir%/}/nodeIPaddress
  said=$( (umask "$mask"; printf %s "$addresses" >"$new") 2>&1) || { not_published "${said##*: }"; return; }
  if [ -s "$there" ] && ! cmp -s "$new" "$there" && ! is_published "$there"; then
    kept=nodeIPaddress.$(date +%Y%m%d-%H%M%S)
    # In a folder like /tmp it may be the file of another user, which nobody else can rename.
    said=$(mv "$there" "$workdir/$kept" 2>&1) || { not_published "${said##*: }"; return; }
    echo "ec2mpi: your own nodeIPaddress in $workdir is $kept now: the job gets one with its nodes" >&2
  fi
  said=$(mv -f "$new" "$there" 2>&1) || { not_published "${said##*: }"; return; }
  sum=$(cksum 2>/dev/null <"$there") || give_up "cannot read $there, which was just written"
  is_published "$there" || { echo "$sum" >>"$HOME/.ec2mpi/published"; } 2>/dev/null ||
    cannot_write "$HOME/.ec2mpi/published"
}
# The next end of a job calls this program, so that it is replaced in one step.
keep_schedule() {
  { printf %s "$1" >"$HOME/.ec2mpi/schedule.$$" && mv -f "$HOME/.ec2mpi/schedule.$$" "$HOME/.ec2mpi/schedule"; } 2>/dev/null ||
    cannot_write "$HOME/.ec2mpi/schedule"
}
