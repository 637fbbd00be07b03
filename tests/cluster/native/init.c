// Process 1 of a host, and of the cluster as a whole: starts one command, then reaps.
//
//   init [--hold FD] [COMMAND...]
//
// --hold FD: FD is the reading end of a pipe of whoever builds the cluster. A byte in it means "built"; its end
// without a byte means that the builder is dead, and then everything below this process has to go with it.

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void start(char **command, const sigset_t *mask)
{
    if (fork() == 0) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        execv(command[0], command);
        _exit(127);
    }
}

int main(int argc, char **argv)
{
    char **command = argv + 1;
    int hold = -1;
    if (argc > 2 && strcmp(argv[1], "--hold") == 0) {
        hold = atoi(argv[2]);
        command = argv + 3;
    }
    prctl(PR_SET_NAME, "init");  // it was executed by descriptor, which leaves a number as its name

    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);

    if (*command)
        start(command, &before);
    char byte;
    if (hold >= 0) {
        if (read(hold, &byte, 1) != 1)
            return 1;
        close(hold);
    }
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        sigwaitinfo(&child, NULL);
    }
}
