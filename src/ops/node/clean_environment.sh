#!/bin/sh
# In front of a program of ours: the options, functions and variables of start-up files that would change its tools are
# gone. bash as sh imports the functions and options that another bash has exported; unset removes the functions for its
# children, too. The variables change tar, gzip, xz, sh, grep, ls, find, ps, perl or python, or all programs; TMOUT ends
# the read of bash. A umask that takes a file's rights from its own owner goes, and is remembered in ec2mpi_umask; a
# TMPDIR in which nothing can be made, in ec2mpi_tmpdir.
# shellcheck disable=SC3044 # only where the shell is bash
# shellcheck disable=SC2034 # ec2mpi_tmpdir and ec2mpi_umask are used behind this text
set +efuxC
case ${BASH_VERSION-} in
  ?*)
    shopt -u nullglob failglob dotglob nocaseglob nocasematch extglob
    for f in $(compgen -A function); do command unset -f "$f"; done 2>/dev/null ;;
esac
command unset TAR_OPTIONS TAPE POSIXLY_CORRECT GZIP GZIP_OPT BZIP BZIP2 XZ_OPT XZ_DEFAULTS ZSTD_CLEVEL ZSTD_NBTHREADS \
  CDPATH BASH_ENV ENV IFS TMOUT GLOBIGNORE EXECIGNORE GREP_OPTIONS GREP_COLOR GREP_COLORS LS_OPTIONS LS_COLORS \
  QUOTING_STYLE TIME_STYLE TABSIZE BLOCK_SIZE BLOCKSIZE DF_BLOCK_SIZE DU_BLOCK_SIZE LS_BLOCK_SIZE COLUMNS \
  PS_FORMAT PS_PERSONALITY CMD_ENV I_WANT_A_BROKEN_PS PERL5OPT PERL5LIB PERL5DB PERLIO PERL_UNICODE \
  LD_PRELOAD PYTHONINSPECT PYTHONVERBOSE PYTHONDEBUG PYTHONWARNINGS PYTHONPROFILEIMPORTTIME
[ -z "$TMPDIR" ] || [ -w "$TMPDIR/." ] || { ec2mpi_tmpdir=$TMPDIR; command unset TMPDIR; }
ec2mpi_umask=$(umask)
umask u=rwx
export LC_ALL=C
