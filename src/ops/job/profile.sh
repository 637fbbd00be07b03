# Prints the record of job $id and behind it its profile. It stands behind functions.sh and find_job.
# shellcheck shell=sh
# shellcheck disable=SC2154 # $jobs, $id and $state are set by functions.sh
need_files
grep -qx 'profile yes' "$jobs/$id/meta" ||
  give_up "$id was not run with --profile: ec2mpi run --profile" 2
job_state "$jobs/$id"
case $state in
  waiting | running | ending) give_up "$id has not ended; ec2mpi stacks $id shows what its ranks do now" 2 ;;
esac
[ ! -f "$jobs/$id/unprepared" ] || give_up "$id has no profile: a node could not prepare it, so no rank was started"
[ -f "$jobs/$id/profile" ] || give_up "$id has no profile: its ranks did not start, or the disk was full"
record "$id"
echo ec2mpi-profile
cat "$jobs/$id/profile"
