#!/usr/bin/perl
# What systemd does with a .socket unit, for the tests: listens at
# COMFYGATE_SOCKET and starts PROGRAM serve with that socket as descriptor 3.
#   SIGHUP   stops the daemon and starts the next one on the same socket
#   SIGTERM  stops it and ends with its status
use strict;
use warnings;
use POSIX ();
use Socket;

my ($program) = @ARGV;
my ($pid, $ending) = (0, 0);

socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_un($ENV{COMFYGATE_SOCKET})) or die "bind: $!";
listen($listener, 4096) or die "listen: $!";

sub start {
	$pid = fork() // die "fork: $!";
	return if $pid;
	POSIX::dup2(fileno($listener), 3) if fileno($listener) != 3;
	# A descriptor that is 3 already would close at exec: copy it there.
	if (fileno($listener) == 3) {
		my $copy = POSIX::dup(3);
		POSIX::dup2($copy, 3);
		POSIX::close($copy);
	}
	$ENV{LISTEN_FDS} = 1;
	$ENV{LISTEN_PID} = $$;
	exec $program, 'serve' or POSIX::_exit(127);
}

$SIG{HUP} = sub { kill 'TERM', $pid };
$SIG{TERM} = sub { $ending = 1; kill 'TERM', $pid };

start();
for (;;) {
	my $done = waitpid($pid, 0);
	next if $done < 0;
	my $code = $? & 127 ? 1 : $? >> 8;
	exit $code if $ending || $code;
	start();
}
