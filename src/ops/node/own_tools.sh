#!/bin/sh
# In front of a program of ours: its tools are the machine's, in /usr/local/bin, /usr/bin and /bin, whatever folders a
# start-up file has put in front of these in the PATH (a wrapper in ~/bin, conda). The user's own PATH, completed by
# these folders, stays in ec2mpi_path, for what is the user's: mpirun, python3, and jobs. A second time it changes
# nothing.
ec2mpi_path=${ec2mpi_path:-$PATH}
case :$ec2mpi_path: in *:/usr/bin:*) ;; *) ec2mpi_path="${ec2mpi_path:+$ec2mpi_path:}/usr/bin:/bin" ;; esac
export ec2mpi_path PATH="/usr/local/bin:/usr/bin:/bin:$ec2mpi_path"
