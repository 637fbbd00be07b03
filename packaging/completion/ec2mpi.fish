# Completion of ec2mpi for fish. write_completion.py puts a line for each command and flag, made of the program's own
# options, behind.

# The names under [jobs. or [groups] in ec2mpi.toml, which may be hostile: only letters (of any language),
# digits, _ and - pass. A job may have a script, too.
function __ec2mpi_names
    begin
        sed -n 's/^[[:space:]]*\[jobs\.\("\{0,1\}\)\([[:alnum:]_-]\{1,\}\)\1\][[:space:]]*\(#.*\)\{0,1\}$/\2/p' ec2mpi.toml 2>/dev/null
        for file in run_*.sh
            string replace -fr '^run_([\p{L}\p{N}_.-]+)\.sh$' '$1' -- $file
        end
    end | awk '!seen[$0]++'
end

function __ec2mpi_signals
    __ec2mpi_jobs
    printf '%s\n' USR1 USR2 TSTP CONT STOP HUP INT TERM KILL
end

# The jobs and series that commands here have seen last, those first that ran then; names; and the ids of the jobs whose
# results are here.
function __ec2mpi_jobs
    sed -n 's/^\([A-Za-z0-9_.-]\{1,\}\)$/\1/p' .ec2mpi/jobs 2>/dev/null
    __ec2mpi_names
    sed -n 's/^\([A-Za-z0-9_.-]\{1,\}\) .*/\1/p' .ec2mpi/jobs 2>/dev/null
    for folder in results/*/
        string replace -fr '^results/(.*)/$' '$1' -- $folder
    end
end

function __ec2mpi_node
    printf 'master\n'
    ec2mpi nodes --format '{index}' 2>/dev/null </dev/null | sed 'p;s/^/node/'
end

function __ec2mpi_node_words
    printf '%s\n' all workers failed
    __ec2mpi_node
    sed -n '/^[[:space:]]*\[groups\]/,/^[[:space:]]*\[/s/^[[:space:]]*\([A-Za-z0-9_-]\{1,\}\)[[:space:]]*=.*/@\1/p' ec2mpi.toml 2>/dev/null
end

function __ec2mpi_nodes
    set -l before (string match -r '^.*,' -- (commandline -ct))
    for word in (__ec2mpi_node_words)
        echo "$before$word"
    end
end

complete -c ec2mpi -f
