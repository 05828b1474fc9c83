#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int cli_fail(int code, const char *format, ...) {
  bool colour = cli_has_colour(stderr);
  fputs(colour ? "\033[31mlimn:\033[0m " : "limn: ", stderr);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  return code;
}

int cli_fail_status(limn_status status) {
  const char *message = limn_error_message();
  return cli_fail(-(int)status, "%s", *message ? message : "failed without saying why");
}

int cli_fail_memory(void) { return cli_fail(CLI_FAILED, "out of memory"); }

void cli_console_init(void) {
  /* What cannot be written is an error with a message, not a death that leaves half a file. */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  /* A file opened later must not become descriptor 1 by accident and swallow results. */
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR) < 0)
      return;
}

/* Still known when the write that found it is long over. */
bool cli_reader_is_gone(void) {
  struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
  return poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

int cli_console_finish(int code) {
  bool lost = ferror(stdout) != 0 || fflush(stdout) != 0, left = lost && cli_reader_is_gone();
  errno = 0;
  if (fclose(stdout) != 0)
    lost = true;
  if (!lost)
    return code;
  if (left)
    return code == CLI_OK ? 128 + SIGPIPE : code;
  int failure =
      cli_fail(CLI_FAILED, "cannot write to standard output: %s", errno ? strerror(errno) : "output was lost");
  return code == CLI_OK ? failure : code;
}

bool cli_is_terminal(FILE *stream) {
  const char *kind = getenv("TERM");
  return isatty(fileno(stream)) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool cli_has_colour(FILE *stream) {
  const char *refused = getenv("NO_COLOR");
  return cli_is_terminal(stream) && !(refused && *refused);
}

int cli_terminal_width(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

const char *cli_shell_quote(const char *path, char *buffer, size_t size) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (*path && path[strspn(path, plain)] == '\0') {
    snprintf(buffer, size, "%s", path);
    return buffer;
  }
  size_t out = 0;
  buffer[out++] = '\'';
  for (; *path && out + 6 < size; path++) {
    if (*path == '\'') {
      memcpy(buffer + out, "'\\''", 4);
      out += 4;
    } else {
      buffer[out++] = *path;
    }
  }
  buffer[out++] = '\'';
  buffer[out] = '\0';
  return buffer;
}

void cli_print_wrapped(FILE *stream, int indent, int width, const char *text) {
  int column = indent;
  while (*text) {
    text += strspn(text, " ");
    int length = (int)strcspn(text, " ");
    if (length == 0)
      break;
    if (column > indent && column + 1 + length > width) {
      fprintf(stream, "\n%*s", indent, "");
      column = indent;
    }
    if (column > indent) {
      fputc(' ', stream);
      column++;
    }
    fprintf(stream, "%.*s", length, text);
    column += length;
    text += length;
  }
  fputc('\n', stream);
}
