#!/bin/sh
# Tools are found in /usr/bin and /bin, even if a start-up file has taken these folders out of the PATH.
case :$PATH: in *:/usr/bin:*) ;; *) export PATH="${PATH:+$PATH:}/usr/bin:/bin" ;; esac
