# perl -e MOVE FROM TO: moves files and folders from one folder to another by renaming. Standard input holds pairs OLD
# NEW, each ended by NUL: FROM/OLD becomes TO/NEW; if both are folders, the content of one goes into the other. Exit
# status 1: something was not moved; push_steps.sh does that then by `mv`, which explains why it cannot.
use strict;

sub move {
  my ($old, $new) = @_;
  return rename($old, $new) unless -d $old && !-l $old && -d $new;
  opendir(my $folder, $old) or return 0;
  my $all = 1;
  for my $name (grep { !/\A\.\.?\z/ } readdir $folder) {
    move("$old/$name", "$new/$name") or $all = 0;
  }
  return $all;
}

my ($from, $to) = @ARGV;
my $all = 1;
local $/ = "\0";
while (defined(my $old = <STDIN>) && defined(my $new = <STDIN>)) {
  chomp($old, $new);
  move("$from/$old", "$to/$new") or $all = 0;
}
exit !$all;
