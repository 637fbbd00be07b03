#!/bin/sh
# As root, at the first boot or later: starts keep_lifetime.sh, also after each boot, or gives it a new end. In front of
# this text stand:
#   keeper  the text of keep_lifetime.sh
#   end, length, notice, idle  the numbers of its files; an empty one stays as it is
# shellcheck disable=SC2154 # these variables stand in front of this text
umask 022
folder=/var/lib/ec2mpi-lifetime
unit=/etc/systemd/system/ec2mpi-lifetime.service
mkdir -p "$folder" && cd "$folder" || exit 1

# put FILE TEXT: whole, or not at all.
put() {
  [ -n "$2" ] || return 0
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1" && return
  echo "cannot write $folder/$1" >&2
  exit 1
}
put keep "$keeper"
put length "$length"
put notice "$notice"
put idle "$idle"
put end "$end"
put boot "$(cat /proc/sys/kernel/random/boot_id)"

if [ -d /run/systemd/system ]; then
  cat >"$unit" <<END || exit 1
[Unit]
Description=Ends this machine at the end of its life (ec2mpi)
[Service]
ExecStart=/bin/sh $folder/keep $folder
Restart=always
RestartSec=5
OOMScoreAdjust=-900
[Install]
WantedBy=multi-user.target
END
  systemctl daemon-reload && systemctl enable ec2mpi-lifetime && systemctl restart ec2mpi-lifetime
  exit
fi 2>&1

# Without systemd nothing starts it again after a boot. Its processes are a group of their own.
[ ! -s group ] || kill -- "-$(cat group)" 2>/dev/null
# shellcheck disable=SC2016 # the inner shell expands its own words
setsid sh -c 'echo $$ >group && exec sh ./keep "$0"' "$folder" </dev/null >/dev/null 2>&1 &
