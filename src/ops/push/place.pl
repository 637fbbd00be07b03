# perl -e PLACE STAGE FOLDER: puts many files to their places by renaming. Standard input holds pairs NUMBER NAME, each
# ended by NUL: STAGE/NUMBER becomes FOLDER/NAME. Folders, files in place of which there is a folder, and files that cannot
# be renamed stay; push_steps.sh takes these one by one, and explains why it cannot.
use strict;

my ($stage, $folder) = @ARGV;
sub is_folder { return -d $_[0] && !-l $_[0] }
local $/ = "\0";
while (defined(my $number = <STDIN>)) {
  my $name = <STDIN>;
  last unless defined $name;
  chomp($number, $name);
  my ($old, $new) = ("$stage/$number", "$folder/$name");
  rename($old, $new) unless is_folder($old) || is_folder($new);
}
