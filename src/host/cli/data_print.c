#include "data_print.h"

#include <stdarg.h>
#include <string.h>

#include "console.h"
#include "json_out.h"
#include "table.h"

#define LISTED       10 /* lines of a list; --json has them all */
#define UNBALANCED   10 /* times the pictures of another class */
#define VERDICT_SIZE 320

/* Appends to a line; what does not fit is cut off. */
static void append(char *line, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *line, size_t size, const char *format, ...) {
  size_t used = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + used, size - used, format, arguments);
  va_end(arguments);
}

/* "RGB 270, grey 20". */
static void tally_text(const limn_data_tally *tallies, size_t count, char *line, size_t size) {
  char number[CLI_NUMBER_SIZE];
  line[0] = '\0';
  for (size_t i = 0; i < count; i++)
    append(line, size, "%s%s %s", line[0] ? ", " : "", tallies[i].name, cli_format_count(tallies[i].count, number));
}

static void sizes_rows(cli_table *table, const limn_data_report *r) {
  char line[256] = "", number[CLI_NUMBER_SIZE];
  if (r->distinct_sizes == 1) {
    snprintf(line, sizeof(line), "all %dx%d", r->least.height, r->least.width);
    cli_table_row(table, "sizes", line);
    return;
  }
  snprintf(line, sizeof(line), "%s different; %d to %d high (median %d), %d to %d wide (median %d)",
           cli_format_count((int64_t)r->distinct_sizes, number), r->least.height, r->most.height, r->median.height,
           r->least.width, r->most.width, r->median.width);
  cli_table_row(table, "sizes", line);
  snprintf(line, sizeof(line), "most often ");
  for (size_t i = 0; i < r->size_count; i++)
    append(line, sizeof(line), "%s%dx%d (%s)", i ? ", " : "", r->sizes[i].height, r->sizes[i].width,
           cli_format_count(r->sizes[i].count, number));
  cli_table_row(table, "", line);
}

static void classes_rows(cli_table *table, const limn_data_report *r) {
  char line[1024], number[CLI_NUMBER_SIZE];
  if (!r->class_count) {
    cli_table_row(table, "classes", "none");
    return;
  }
  size_t shown = r->class_count < LISTED ? r->class_count : LISTED;
  snprintf(line, sizeof(line), "%s: ", cli_format_count((int64_t)r->class_count, number));
  for (size_t i = 0; i < shown; i++)
    append(line, sizeof(line), "%s%s %s", i ? ", " : "", r->classes[i].name,
           cli_format_count(r->classes[i].count, number));
  if (shown < r->class_count)
    append(line, sizeof(line), " ...");
  cli_table_row(table, "classes", line);
}

static void pixels_rows(cli_table *table, const limn_data_report *r) {
  char line[256], number[CLI_NUMBER_SIZE];
  snprintf(line, sizeof(line), "%dx%dx%d%s, %s decoded", r->channels, r->height, r->width,
           r->proposed ? " (proposed: no --size is given)" : "", cli_format_bytes((double)r->decoded_bytes, number));
  cli_table_row(table, "a run sees", line);
  snprintf(line, sizeof(line), "mean");
  for (int c = 0; c < r->channels; c++)
    append(line, sizeof(line), " %.3f", r->mean[c]);
  append(line, sizeof(line), ", standard deviation");
  for (int c = 0; c < r->channels; c++)
    append(line, sizeof(line), " %.3f", r->deviation[c]);
  cli_table_row(table, "", line);
}

static void need_row(cli_table *table, const cli_data *data) {
  const limn_data_need *need = &data->report->need;
  char line[256], memory[CLI_NUMBER_SIZE], disk[CLI_NUMBER_SIZE];
  if (!need->batch)
    return;
  snprintf(line, sizeof(line), "%s, batch %d: %s of memory, %s on disk a checkpoint", data->model, need->batch,
           cli_format_bytes((double)need->memory_bytes, memory),
           cli_format_bytes((double)need->checkpoint_bytes, disk));
  cli_table_row(table, "training", line);
  cli_table_row(table, "", need->device);
}

static int print_overview(const cli_data *data) {
  const limn_data_report *r = data->report;
  char line[512], number[CLI_NUMBER_SIZE], other[CLI_NUMBER_SIZE], others[LIMN_OTHER_FILES_TEXT_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "data", data->path);
  cli_table_row(&table, "kind", r->kind);
  snprintf(line, sizeof(line), "%s, %s broken", cli_format_count(r->count, number), cli_format_count(r->broken, other));
  cli_table_row(&table, "pictures", line);
  if (limn_other_files_text(&r->other_files, others, sizeof(others))[0])
    cli_table_row(&table, "others", others);
  if (r->broken < r->count) {
    tally_text(r->formats, r->format_count, line, sizeof(line));
    if (line[0])
      cli_table_row(&table, "formats", line);
    tally_text(r->modes, r->mode_count, line, sizeof(line));
    cli_table_row(&table, "modes", line);
    if (r->turned) {
      snprintf(line, sizeof(line), "turned upright, as EXIF says: %s", cli_format_count(r->turned, number));
      cli_table_row(&table, "", line);
    }
    sizes_rows(&table, r);
    classes_rows(&table, r);
    snprintf(line, sizeof(line), "%s exact, %s nearly the same", cli_format_count(r->exact_copies, number),
             cli_format_count(r->near_copies, other));
    cli_table_row(&table, "copies", line);
    pixels_rows(&table, r);
  }
  need_row(&table, data);
  if (data->sheet)
    cli_table_row(&table, "sheet", data->sheet);
  return cli_table_print(&table, 0);
}

static void print_more(size_t all) {
  char number[CLI_NUMBER_SIZE];
  if (all > LISTED)
    printf("  and %s more\n", cli_format_count((int64_t)(all - LISTED), number));
}

static void print_lists(const limn_data_report *r) {
  char clean[CLI_NUMBER_SIZE * 64];
  if (r->fault_count)
    puts("\nbroken");
  for (size_t i = 0; i < r->fault_count && i < LISTED; i++)
    printf("  %s\n", cli_clean(r->faults[i], clean, sizeof(clean)));
  print_more(r->broken);
  for (int exact = 1; exact >= 0; exact--) {
    size_t count = 0;
    for (size_t i = 0; i < r->group_count; i++) {
      const limn_data_group *group = &r->groups[i];
      if (group->exact != exact || count++ >= LISTED)
        continue;
      if (count == 1)
        puts(exact ? "\nthe same pixels" : "\nnearly the same");
      printf("  %s\n", cli_clean(group->names[0], clean, sizeof(clean)));
      for (size_t j = 1; j < group->count && j < LISTED; j++)
        printf("    %s\n", cli_clean(group->names[j], clean, sizeof(clean)));
    }
    print_more(count);
  }
}

typedef struct verdicts {
  char lines[16][VERDICT_SIZE];
  size_t count;
} verdicts;

static void add(verdicts *all, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(verdicts *all, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(all->lines[all->count++], VERDICT_SIZE, format, arguments);
  va_end(arguments);
}

static void judge_size(verdicts *all, const limn_data_report *r) {
  char number[CLI_NUMBER_SIZE];
  if (r->proposed)
    add(all, "sizes differ, so a run needs --size; %dx%d is shown here", r->height, r->width);
  if (r->refusal[0])
    add(all, "%s", r->refusal);
  if (r->largest_size)
    add(all, "--size %d is the largest that enlarges no picture", r->largest_size);
  else
    add(all, "the smallest picture is %d high, the narrowest %d wide: every --size enlarges some", r->least.height,
        r->least.width);
  if (r->enlarged)
    add(all, "pictures that %dx%d enlarges: %s", r->height, r->width, cli_format_count(r->enlarged, number));
}

static void judge_memory(verdicts *all, const limn_data_need *need) {
  char takes[CLI_NUMBER_SIZE], has[CLI_NUMBER_SIZE];
  cli_format_bytes((double)need->memory_bytes, takes);
  cli_format_bytes(need->available_bytes, has);
  if (need->fitting_batch > 0)
    add(all, "training takes %s of memory and %s are available: --batch %d would fit", takes, has, need->fitting_batch);
  else
    add(all,
        "training takes %s of memory and %s are available: not even one picture fits, so a run needs a smaller size",
        takes, has);
}

static void judge(verdicts *all, const limn_data_report *r) {
  char number[CLI_NUMBER_SIZE], other[CLI_NUMBER_SIZE];
  *all = (verdicts){0};
  if (r->broken == r->count) {
    add(all, "nothing is usable");
    return;
  }
  if (r->broken)
    add(all, "broken: %s; a run is refused, or leaves them out with --on-bad-image skip",
        cli_format_count(r->broken, number));
  judge_size(all, r);
  if (r->shallow)
    add(all,
        "12 bits in 16, and no word of it in the file: %s, nearly black to a run; make them 16 times brighter, e.g. "
        "mogrify -evaluate multiply 16",
        cli_format_count(r->shallow, number));
  if (r->exact_copies)
    add(all, "copies of others, pixel by pixel: %s; what is there twice weighs twice in training",
        cli_format_count(r->exact_copies, number));
  if (r->near_copies)
    add(all, "nearly like others: %s; see whether they are scaled or re-encoded copies",
        cli_format_count(r->near_copies, number));
  if (r->need.problem[0])
    add(all, "what training takes cannot be told: %s", r->need.problem);
  if (r->need.fitting_batch >= 0)
    judge_memory(all, &r->need);
  if ((uint32_t)r->need.batch > r->count - r->broken)
    add(all, "fewer pictures than a batch of %d: a run needs a smaller --batch", r->need.batch);
  uint32_t least = UINT32_MAX, most = 0;
  for (size_t i = 0; i < r->class_count; i++) {
    least = r->classes[i].count < least ? r->classes[i].count : least;
    most = r->classes[i].count > most ? r->classes[i].count : most;
  }
  if (r->class_count > 1 && most > (uint64_t)UNBALANCED * least)
    add(all, "classes are out of balance: %s pictures in the largest, %s in the smallest",
        cli_format_count(most, number), cli_format_count(least, other));
  if (r->class_count && r->unlabelled)
    add(all, "pictures without a class: %s", cli_format_count(r->unlabelled, number));
}

int cli_data_print_text(const cli_data *data) {
  char clean[VERDICT_SIZE];
  verdicts all;
  int code = print_overview(data);
  if (code != CLI_OK)
    return code;
  print_lists(data->report);
  judge(&all, data->report);
  puts("\nverdict");
  for (size_t i = 0; i < all.count; i++)
    printf("  %s\n", cli_clean(all.lines[i], clean, sizeof(clean)));
  return CLI_OK;
}

static json_t *tallies_json(const limn_data_tally *tallies, size_t count) {
  bool failed = false;
  json_t *object = json_object();
  for (size_t i = 0; i < count; i++)
    cli_json_put(object, tallies[i].name, json_integer(tallies[i].count), &failed);
  return object;
}

static json_t *size_json(const limn_data_size *size) { return json_pack("[i, i]", size->height, size->width); }

static json_t *sizes_json(const limn_data_report *r) {
  bool failed = false;
  json_t *sizes = json_object(), *frequent = json_array();
  for (size_t i = 0; i < r->size_count; i++)
    cli_json_append(frequent,
                    json_pack("{s:o, s:I}", "size", size_json(&r->sizes[i]), "pictures", (json_int_t)r->sizes[i].count),
                    &failed);
  cli_json_put(sizes, "different", json_integer((json_int_t)r->distinct_sizes), &failed);
  cli_json_put(sizes, "least", size_json(&r->least), &failed);
  cli_json_put(sizes, "median", size_json(&r->median), &failed);
  cli_json_put(sizes, "most", size_json(&r->most), &failed);
  cli_json_put(sizes, "frequent", frequent, &failed);
  return sizes;
}

static json_t *run_json(const limn_data_report *r) {
  bool failed = false;
  json_t *run = json_object(), *mean = json_array(), *deviation = json_array();
  for (int c = 0; c < r->channels; c++) {
    cli_json_append(mean, cli_json_number(r->mean[c]), &failed);
    cli_json_append(deviation, cli_json_number(r->deviation[c]), &failed);
  }
  cli_json_put(run, "channels", json_integer(r->channels), &failed);
  cli_json_put(run, "height", json_integer(r->height), &failed);
  cli_json_put(run, "width", json_integer(r->width), &failed);
  cli_json_put(run, "proposed", json_boolean(r->proposed), &failed);
  cli_json_put(run, "enlarged", json_integer(r->enlarged), &failed);
  cli_json_put(run, "largest_size", json_integer(r->largest_size), &failed);
  cli_json_put(run, "decoded_bytes", json_integer((json_int_t)r->decoded_bytes), &failed);
  cli_json_put(run, "mean", mean, &failed);
  cli_json_put(run, "deviation", deviation, &failed);
  return run;
}

static json_t *need_json(const cli_data *data) {
  const limn_data_need *need = &data->report->need;
  return need->batch
             ? json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:I}", "model", data->model, "device", need->device, "batch",
                         need->batch, "memory_bytes", (json_int_t)need->memory_bytes, "available_bytes",
                         need->available_bytes > 0 ? cli_json_number(need->available_bytes) : json_null(),
                         "fitting_batch", need->fitting_batch >= 0 ? json_integer(need->fitting_batch) : json_null(),
                         "checkpoint_bytes", (json_int_t)need->checkpoint_bytes)
             : json_null();
}

static json_t *texts_json(char *const *texts, size_t count) {
  bool failed = false;
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++)
    cli_json_append(array, cli_json_text(texts[i]), &failed);
  return array;
}

static json_t *groups_json(const limn_data_report *r, int exact) {
  bool failed = false;
  json_t *array = json_array();
  for (size_t i = 0; i < r->group_count; i++)
    if (r->groups[i].exact == exact)
      cli_json_append(array, texts_json(r->groups[i].names, r->groups[i].count), &failed);
  return array;
}

static json_t *verdicts_json(const limn_data_report *r) {
  verdicts all;
  bool failed = false;
  json_t *array = json_array();
  judge(&all, r);
  for (size_t i = 0; i < all.count; i++)
    cli_json_append(array, cli_json_text(all.lines[i]), &failed);
  return array;
}

int cli_data_print_json(const cli_data *data) {
  const limn_data_report *r = data->report;
  bool failed = false, usable = r->broken < r->count;
  json_t *root = json_object();
  cli_json_put(root, "data", cli_json_text(data->path), &failed);
  cli_json_put(root, "kind", cli_json_text(r->kind), &failed);
  cli_json_put(root, "pictures", json_integer(r->count), &failed);
  cli_json_put(root, "broken", json_integer(r->broken), &failed);
  cli_json_put(root, "no_pictures", cli_json_other_files(&r->other_files), &failed);
  cli_json_put(root, "formats", tallies_json(r->formats, r->format_count), &failed);
  cli_json_put(root, "modes", tallies_json(r->modes, r->mode_count), &failed);
  cli_json_put(root, "twelve_bits_in_sixteen", json_integer(r->shallow), &failed);
  cli_json_put(root, "turned_by_exif", json_integer(r->turned), &failed);
  cli_json_put(root, "sizes", usable ? sizes_json(r) : json_null(), &failed);
  cli_json_put(root, "classes", tallies_json(r->classes, r->class_count), &failed);
  cli_json_put(root, "without_class", json_integer(r->unlabelled), &failed);
  cli_json_put(root, "exact_copies", json_integer(r->exact_copies), &failed);
  cli_json_put(root, "near_copies", json_integer(r->near_copies), &failed);
  cli_json_put(root, "run", usable ? run_json(r) : json_null(), &failed);
  cli_json_put(root, "training", need_json(data), &failed);
  cli_json_put(root, "broken_pictures", texts_json(r->faults, r->fault_count), &failed);
  cli_json_put(root, "same_pixels", groups_json(r, 1), &failed);
  cli_json_put(root, "nearly_same", groups_json(r, 0), &failed);
  cli_json_put(root, "verdict", verdicts_json(r), &failed);
  cli_json_put(root, "sheet", data->sheet ? cli_json_text(data->sheet) : json_null(), &failed);
  return cli_json_print(root, failed);
}
