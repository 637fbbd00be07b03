# perl -e MERGE FROM TO: moves the content of a folder into a folder that exists, by renaming the files of all folders
# below at once. Exit status 1: some files were not moved; `mv` tries them then, and explains why it cannot.
use strict;

sub merge {
  my ($from, $to) = @_;
  opendir(my $folder, $from) or return 0;
  my $all = 1;
  for my $name (grep { !/\A\.\.?\z/ } readdir $folder) {
    my ($old, $new) = ("$from/$name", "$to/$name");
    $all = 0 unless -d $old && !-l $old && -d $new ? merge($old, $new) : rename($old, $new);
  }
  return $all;
}
exit !merge(@ARGV);
