#!/bin/sh
# Can the Debian package be made, installed, used and removed? check_package.sh BUILD_FOLDER, as root.
#
# The fresh root is an overlay over this machine's: dpkg checks the dependencies against the packages that are installed
# here, and nothing that it writes reaches the machine. It is not a minimal Debian.
set -eu

# Runs in new namespaces; when they end, all mounts are gone.
try_in_overlay() {
  mount -t tmpfs tmpfs "$1"
  mkdir "$1/upper" "$1/work" "$1/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
  mount -t proc proc "$1/root/proc"
  cp "$2" "$1/root/ec2mpi.deb"
  # shellcheck disable=SC2016  # for the shell in the root
  chroot "$1/root" sh -euc '
    before=$(dpkg --list)
    files() { find /usr/bin /usr/share /etc -name "*ec2mpi*" | sort; }
    old=$(files)
    dpkg --install /ec2mpi.deb >/dev/null
    ec2mpi --version | grep -q "^ec2mpi [0-9]"
    for file in bin/ec2mpi share/man/man1/ec2mpi.1 share/man/man5/ec2mpi.toml.5 share/fish/vendor_completions.d/ec2mpi.fish \
      share/bash-completion/completions/ec2mpi share/zsh/vendor-completions/_ec2mpi; do
      dpkg --listfiles ec2mpi | grep -qx "/usr/$file" || { echo "the package has no /usr/$file"; exit 1; }
    done
    if command -v zsh >/dev/null; then
      zsh -fc "for folder in \$fpath; do [ -f \$folder/_ec2mpi ] && exit; done; exit 1" ||
        { echo "zsh does not find its completion"; exit 1; }
    fi
    dpkg --status ec2mpi | grep -q "^Depends: .*libssh-4" || { echo "the package does not depend on libssh-4"; exit 1; }
    cd /usr/share/doc/ec2mpi
    find . -name "*.md" | while read -r page; do
      grep -o "]([^)]*)" "$page" | sed "s/^](//; s/)\$//; s/#.*//" | grep -v "^[a-z]*:" | while read -r link; do
        [ -e "${page%/*}/$link" ] || echo "$page links to $link, which is not there"
      done
    done >/links
    cd /
    [ ! -s /links ] || { cat /links; exit 1; }
    dpkg --purge ec2mpi >/dev/null
    [ "$(dpkg --list)" = "$before" ] || { echo "the package is still known to dpkg"; exit 1; }
    [ "$(files)" = "$old" ] || { echo "files remain: $(files)"; exit 1; }
  '
}

if [ "$1" = --in-overlay ]; then
  try_in_overlay "$2" "$3"
  exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/root"
cd "$folder"
cpack --config "$1/CPackConfig.cmake" -B "$folder/made" >cpack.log 2>&1 || { cat cpack.log; exit 1; }
unshare --mount --propagation private --pid --fork "$0" --in-overlay "$folder/root" "$(find made -maxdepth 1 -name '*.deb')"
