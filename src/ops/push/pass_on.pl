# A tee that does not wait for a reader that is not ready: copies standard input to standard output and to the named
# files. The bytes of the last one or two seconds are held in memory for readers that have not taken them, up to a limit.
# So while the links to other nodes are being made, and whenever one of many programs gets its turn late, the input does
# not pile up in sshd, which copies all of its buffer whenever that grows. No reader gets further behind than that: a
# slow node is recognised because the others are not behind, so all have to advance side by side, as behind tee.
use strict;
use Errno;
use Fcntl;

my ($block, $most) = (65536, 8 << 20);    # bytes to take at once, which fill a pipe, and to hold
my ($held, $dropped, $ended) = ("", 0, 0);
my @outputs = ({name => "standard output", file => \*STDOUT, taken => 0});

sub complain {
  print STDERR "$_[0]: $!\n";
  return 0;
}

for my $name (@ARGV) {
  my $opened = open(my $file, ">", $name) || complain($name);
  push @outputs, {name => $name, file => $file, taken => 0} if $opened;
}
fcntl($_->{file}, F_SETFL, O_NONBLOCK) for @outputs;

# Drops the bytes that all have taken, a megabyte at a time, as that moves the rest. Returns the number of held bytes.
sub backlog {
  my $least = $dropped + length $held;
  for (@outputs) { $least = $_->{taken} if $_->{taken} < $least }
  my $done = $least - $dropped;
  return length($held) - $done if $done < 1 << 20 && $done < length $held;
  substr($held, 0, $done, "");
  $dropped = $least;
  return length $held;
}

# How many bytes may be held: those that arrived in this second and the last one.
my ($second, $came, $before) = (0, 0, 0);

sub room {
  if ($second != time) {
    $before = time - $second == 1 ? $came : 0;
    ($second, $came) = (time, 0);
  }
  my $room = $came + $before;
  return $room < $block ? $block : $room > $most ? $most : $room;
}

# Writes as much as one output takes at once; false if it is lost.
sub serve {
  my ($output) = @_;
  my $put = syswrite($output->{file}, $held, $block, $output->{taken} - $dropped);
  return $!{EAGAIN} || $!{EINTR} || complain($output->{name}) if !defined $put;
  $output->{taken} += $put;
  return 1;
}

while (@outputs) {
  my $backlog = backlog();
  last if $ended && !$backlog;
  my ($readable, $writable) = ("", "");
  vec($readable, 0, 1) = 1 if !$ended && $backlog < room();
  for (@outputs) { vec($writable, fileno $_->{file}, 1) = 1 if $_->{taken} < $dropped + length $held }
  next if select($readable, $writable, undef, undef) < 0;
  if (vec($readable, 0, 1)) {
    my $got = sysread(STDIN, $held, $block, length $held);
    $ended = 1 if !$got && !$!{EINTR};
    $came += $got || 0;
  }
  @outputs = grep { !vec($writable, fileno $_->{file}, 1) || serve($_) } @outputs;
}
