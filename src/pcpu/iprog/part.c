// The file of a program for Linux before it has its name (decoder/command.py). It lies in the same
// folder, is nobody else's, and is gone where the program does not come to its end.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST 1000 // names that are tried

static char part[PATH_MAX + 64]; // empty where there is none of ours
static const int ends[] = {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};
#define ENDS (sizeof ends / sizeof *ends)

static void leave(int signal) {
  unlink(part);
  raise(signal); // it is blocked up to the end of this function, and then ends the program as usual
}

static char *put_number(char *to, unsigned number) {
  if (number > 9) to = put_number(to, number / 10);
  *to = '0' + number % 10;
  return to + 1;
}

static int create(const char *path) {
  const char *slash = strrchr(path, '/');
  size_t folder = slash ? slash + 1 - path : 0;
  if (folder > PATH_MAX) return -1;
  memcpy(part, path, folder);
  // Not made of the name, which may be as long as names can be.
  char *process = put_number(stpcpy(part + folder, "rebuild-"), getpid());
  for (unsigned n = 0; n < MOST; n++) {
    char *end = process;
    if (n) {
      *end++ = '-';
      end = put_number(end, n);
    }
    strcpy(end, ".part");
    int file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file >= 0 || errno != EEXIST) return file;
  }
  return -1;
}

// A new file beside `path`, to write to; below 0 where there is none.
long pcpu_part_open(const char *path) {
  struct sigaction action = {.sa_handler = leave, .sa_flags = SA_RESETHAND}, old;
  sigset_t before;
  for (size_t n = 0; n < ENDS; n++) sigaddset(&action.sa_mask, ends[n]);
  // Until it is known whether there is something to unlink, and that it is ours.
  sigprocmask(SIG_BLOCK, &action.sa_mask, &before);
  int file = create(path);
  if (file < 0) *part = 0;
  for (size_t n = 0; n < ENDS && file >= 0; n++) {
    sigaction(ends[n], NULL, &old);
    if (old.sa_handler != SIG_IGN) sigaction(ends[n], &action, NULL);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  return file;
}

// Give it its name; 0, or below 0.
long pcpu_part_keep(const char *path) {
  if (rename(part, path)) return -1;
  *part = 0;
  return 0;
}

long pcpu_part_drop(void) { return unlink(part); }
