#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "console.h"
#include "report/numbers.h"

#define PLAIN_SECONDS  10.0 /* between lines in a log */
#define LIVE_SECONDS   0.1  /* between redraws */
#define EVALUATION     "evaluation_"
#define BRIEF_MEASURES 4 /* in a log, unless verbose */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void cli_progress_init(cli_progress *progress, int verbosity) {
  *progress = (cli_progress){
      .verbosity = verbosity, .live = cli_is_terminal(stderr), .colour = cli_has_colour(stderr), .last = -1e9};
}

/* Appends " name value" pairs for up to `most` measures. */
static void append_measures(char *line, size_t size, const limn_event *event, size_t most) {
  size_t used = strlen(line);
  for (size_t i = 0, shown = 0; i < event->measure_count && shown < most && used < size; i++) {
    const limn_measure *measure = &event->measures[i];
    const char *name = measure->name;
    if (strcmp(name, "images_per_second") == 0)
      continue;
    if (strncmp(name, EVALUATION, sizeof(EVALUATION) - 1) == 0) /* the line says so */
      name += sizeof(EVALUATION) - 1;
    used += (size_t)snprintf(line + used, size - used, "  %s %.4g", name, measure->value);
    shown++;
  }
}

static void format_steps(cli_progress *progress, const limn_event *event) {
  char *line = progress->line;
  size_t size = sizeof(progress->line), used;
  if (event->steps)
    used = (size_t)snprintf(line, size, "step %" PRIu64 "/%" PRIu64, event->step, event->steps);
  else
    used = (size_t)snprintf(line, size, "step %" PRIu64, event->step);
  if (event->images_per_second > 0)
    used += (size_t)snprintf(line + used, size - used,
                             event->images_per_second < 100 ? "  %.1f images/s" : "  %.0f images/s",
                             event->images_per_second);
  if (event->seconds_left >= 0)
    snprintf(line + used, size - used, "  %s left", LIMN_SECONDS(event->seconds_left));
  append_measures(line, size, event, progress->live || progress->verbosity > 0 ? SIZE_MAX : BRIEF_MEASURES);
  used = strlen(line);
  snprintf(line + used, size - used, "%s", progress->validation);
}

static void draw(cli_progress *progress) {
  int width = cli_terminal_width() - 1; /* the last column would wrap on some terminals */
  int length = (int)strlen(progress->line);
  int shown = length < width ? length : width;
  while (shown < length && shown > 0 && strncmp(progress->line + shown, "  ", 2) != 0)
    shown--; /* whole items only; two spaces part them */
  if (shown == 0)
    shown = length < width ? length : width;
  int head = (int)strcspn(progress->line, " ");
  head += progress->line[head] ? 1 + (int)strcspn(progress->line + head + 1, " ") : 0; /* "step 12/100" */
  if (!progress->colour || head > shown)
    fprintf(stderr, "\r%.*s\033[K", shown, progress->line);
  else
    fprintf(stderr, "\r\033[1m%.*s\033[0m%.*s\033[K", head, progress->line, shown - head, progress->line + head);
  fflush(stderr);
  progress->shown = true;
}

static void steps(cli_progress *progress, const limn_event *event) {
  format_steps(progress, event);
  double time = now();
  bool last = event->steps && event->step >= event->steps;
  progress->pending = true;
  if (progress->live) {
    if (last || time - progress->last >= LIVE_SECONDS) {
      draw(progress);
      progress->last = time;
      progress->pending = false;
    }
  } else if (last || progress->verbosity > 0 || !progress->printed || time - progress->last >= PLAIN_SECONDS) {
    fprintf(stderr, "%s\n", progress->line);
    progress->last = time;
    progress->printed = true;
    progress->pending = false;
  }
}

/* A line that stays, above the live one. */
static void keep_line(cli_progress *progress, const char *before, const char *text) {
  if (progress->shown)
    fputs("\r\033[K", stderr);
  fprintf(stderr, "%s%s\n", before, text);
  if (progress->shown)
    draw(progress);
}

void cli_progress_event(void *context, const limn_event *event) {
  cli_progress *progress = context;
  if (progress->verbosity < 0)
    return;
  char text[512] = "";
  switch (event->kind) {
  case LIMN_EVENT_START:
    if (event->text)
      keep_line(progress, "", event->text);
    if (event->path)
      keep_line(progress, "run folder: ", event->path);
    break;
  case LIMN_EVENT_STEPS:
    steps(progress, event);
    break;
  case LIMN_EVENT_SAMPLES:
  case LIMN_EVENT_CHECKPOINT:
    if (progress->verbosity > 0 && event->path)
      keep_line(progress, event->kind == LIMN_EVENT_SAMPLES ? "picture: " : "checkpoint: ", event->path);
    break;
  case LIMN_EVENT_VALIDATION:
    progress->validation[0] = '\0';
    append_measures(text, sizeof(text), event, progress->verbosity > 0 ? SIZE_MAX : 1);
    if (progress->verbosity > 0)
      keep_line(progress, "validation:", text + (text[0] != '\0'));
    else
      snprintf(progress->validation, sizeof(progress->validation), "  held out: %.80s", text + 2 * (text[0] != '\0'));
    break;
  case LIMN_EVENT_EVALUATION:
    append_measures(text, sizeof(text), event, SIZE_MAX);
    keep_line(progress, "evaluation:", text + (text[0] != '\0'));
    break;
  case LIMN_EVENT_NOTICE:
    if (event->text)
      keep_line(progress, "", event->text);
    break;
  }
}

void cli_progress_finish(cli_progress *progress) {
  if (progress->pending && progress->live)
    draw(progress);
  if (progress->shown)
    fputc('\n', stderr);
  else if (progress->pending)
    fprintf(stderr, "%s\n", progress->line);
  progress->shown = progress->pending = false;
}
