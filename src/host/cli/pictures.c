#include "pictures.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "output.h"
#include "parts.h"
#include "report/numbers.h"

enum { CHUNK = 64 }; /* pictures a call; what the generator's program is compiled for */

#define MOST_GRID_PIXELS ((int64_t)1 << 27) /* what picture viewers still open, and memory still holds as floats */

static const char *const formats[] = {"png", "jpg", "webp"};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

static int parse_format(cli_pictures *pictures, const cli_args *args) {
  const char *wanted = cli_args_value(args, "format");
  pictures->format = formats[0];
  if (!wanted)
    return CLI_OK;
  if (cli_args_has(args, "output"))
    return cli_fail(CLI_USAGE, "--format and --output cannot go together: the ending of the file's name says it");
  for (int i = 0; i < FORMATS; i++)
    if (strcmp(wanted, formats[i]) == 0) {
      pictures->format = formats[i];
      return CLI_OK;
    }
  return cli_fail(CLI_USAGE, "--format is \"%s\"; it takes png, jpg or webp", wanted);
}

/* Where the pictures go; what is wrong with that is said before anything is done. */
static int parse_target(cli_pictures *pictures, const cli_args *args) {
  const char *output = cli_args_value(args, "output");
  pictures->each = cli_args_value(args, "each");
  pictures->json = cli_args_has(args, "json");
  pictures->overwrite = cli_args_has(args, "overwrite");
  if (output && pictures->each)
    return cli_fail(CLI_USAGE, "--output and --each cannot go together: one grid, or a file each");
  if (cli_args_has(args, "columns") && pictures->each)
    return cli_fail(CLI_USAGE, "--columns and --each cannot go together: only a grid has columns");
  if (pictures->overwrite && !pictures->each)
    return cli_fail(CLI_USAGE, "--overwrite goes with --each; a grid replaces the file that is there");
  int code = parse_format(pictures, args);
  if (code != CLI_OK || !output)
    return code;
  code = cli_output_check("--output", output, pictures->json);
  if (code != CLI_OK)
    return code;
  limn_status status = limn_check_picture_path(cli_output_path(output));
  if (status != LIMN_OK)
    return cli_fail_status(status);
  pictures->output = strdup(cli_output_path(output));
  return pictures->output ? CLI_OK : cli_fail_memory();
}

/* One live line, on a terminal alone. */
static void tell(void *context, const char *what, uint32_t done, uint32_t all) {
  (void)context;
  fprintf(stderr, done < all ? "\r%s: %s of %s\033[K" : "\r\033[K", what, LIMN_COUNT(done), LIMN_COUNT(all));
  fflush(stderr);
}

int cli_pictures_fit_prior(const cli_args *args) {
  limn_prior prior;
  int64_t threads = 0;
  limn_prior_options asked = {.data = cli_args_value(args, "data"),
                              .device = cli_args_value(args, "device"),
                              .on_progress = cli_is_terminal(stderr) ? tell : NULL};
  int code = cli_parse_prior(args, &prior, &asked.components);
  if (code == CLI_OK)
    code = cli_args_expect_words(args, 1, "one run folder, checkpoint or exported generator");
  if (code == CLI_OK)
    code = cli_args_integer(args, "threads", 1, 1024, &threads);
  if (code != CLI_OK)
    return code;
  if (prior != LIMN_PRIOR_MIXTURE)
    return asked.data ? cli_fail(CLI_USAGE, "--data goes with --prior gmm") : CLI_OK;
  asked.threads = (int)threads;
  limn_status status = limn_prior_fit(args->words[0], &asked, NULL);
  return status == LIMN_OK ? CLI_OK : cli_fail_status(status);
}

int cli_pictures_open(cli_pictures *pictures, const cli_args *args) {
  *pictures = (cli_pictures){0};
  int64_t threads = 0;
  int code = cli_args_expect_words(args, 1, "one run folder, checkpoint or exported generator");
  if (code == CLI_OK)
    code = cli_args_integer(args, "columns", 1, 1000, &pictures->columns);
  if (code == CLI_OK)
    code = cli_args_integer(args, "threads", 1, 1024, &threads);
  if (code == CLI_OK)
    code = parse_target(pictures, args);
  if (code != CLI_OK)
    return code;
  pictures->path = args->words[0];
  limn_generator_options options = {
      .device = cli_args_value(args, "device"), .threads = (int)threads, .raw = cli_args_has(args, "raw")};
  code = cli_parse_prior(args, &options.prior, &options.components); /* where the command has the options */
  if (code != CLI_OK) {
    cli_pictures_close(pictures);
    return code;
  }
  limn_status status = limn_generator_open(&pictures->generator, pictures->path, &options);
  if (status != LIMN_OK) {
    cli_pictures_close(pictures);
    return cli_fail_status(status);
  }
  limn_generator_get_info(pictures->generator, &pictures->info);
  return CLI_OK;
}

void cli_pictures_close(cli_pictures *pictures) {
  limn_generator_close(pictures->generator);
  free(pictures->output);
  *pictures = (cli_pictures){0};
}

int cli_pictures_default_output(cli_pictures *pictures, const char *name) {
  struct stat about;
  if (pictures->output || pictures->each)
    return CLI_OK;
  bool folder = stat(pictures->path, &about) == 0 && S_ISDIR(about.st_mode);
  size_t length = strlen(pictures->path);
  bool slash = length > 0 && pictures->path[length - 1] == '/';
  if (asprintf(&pictures->output, "%s%s%s.%s", folder ? pictures->path : "", folder && !slash ? "/" : "", name,
               pictures->format) < 0) {
    pictures->output = NULL;
    return cli_fail_memory();
  }
  limn_status status = limn_check_picture_path(pictures->output);
  return status == LIMN_OK ? CLI_OK : cli_fail_status(status);
}

/* One chunk as files of the folder. */
static int write_each(const cli_pictures *pictures, int64_t first, int count, const float *pixels) {
  const limn_generator_info *info = &pictures->info;
  size_t picture = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
  for (int i = 0; i < count; i++) {
    char *path;
    if (asprintf(&path, "%s/%04" PRId64 ".%s", pictures->each, first + i + 1, pictures->format) < 0)
      return cli_fail_memory();
    limn_status status =
        limn_write_pictures(path, pixels + (size_t)i * picture, 1, info->channels, info->height, info->width, 1);
    free(path);
    if (status != LIMN_OK)
      return cli_fail_status(status);
  }
  return CLI_OK;
}

static int run_all(const cli_pictures *pictures, int64_t count, cli_codes codes, const void *context, float *z,
                   float *pixels) {
  const limn_generator_info *info = &pictures->info;
  size_t picture = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
  for (int64_t first = 0; first < count; first += CHUNK) {
    int chunk = (int)(count - first < CHUNK ? count - first : CHUNK);
    float *target = pictures->each ? pixels : pixels + (size_t)first * picture;
    limn_status status = codes(pictures, context, first, chunk, z);
    if (status == LIMN_OK)
      status = limn_generator_run(pictures->generator, z, chunk, target);
    if (status != LIMN_OK)
      return cli_fail_status(status);
    int code = pictures->each ? write_each(pictures, first, chunk, target) : CLI_OK;
    if (code != CLI_OK)
      return code;
  }
  if (pictures->each)
    return CLI_OK;
  limn_status status = limn_write_pictures(pictures->output, pixels, (int)count, info->channels, info->height,
                                           info->width, (int)pictures->columns);
  return status == LIMN_OK ? CLI_OK : cli_output_fail(pictures->output, status);
}

static int print_result(const cli_pictures *pictures, int64_t count) {
  const char *where = pictures->each ? pictures->each : pictures->output;
  if (!pictures->json) {
    if (pictures->each || !cli_output_is_standard(where))
      puts(where);
    return CLI_OK;
  }
  limn_report *report = limn_report_create(true);
  limn_report_text(report, pictures->each ? "folder" : "picture", NULL, where);
  limn_report_count(report, "count", NULL, count);
  limn_report_text(report, "model", NULL, pictures->info.model);
  limn_report_count(report, "step", NULL, (int64_t)pictures->info.step);
  limn_report_flag(report, "averaged", pictures->info.averaged);
  return cli_print(report, LIMN_OK);
}

static int make_folder(const char *path) {
  struct stat about;
  if (mkdir(path, 0777) == 0)
    return CLI_OK;
  int error = errno;
  if (error == EEXIST && stat(path, &about) == 0 && S_ISDIR(about.st_mode))
    return CLI_OK;
  if (error == EEXIST)
    return cli_fail(CLI_USAGE, "--each %s: not a folder; name one, or one that can be made", path);
  return cli_fail(CLI_FAILED, "cannot make the folder %s: %s", path, strerror(error));
}

/* The number of a file that is called as those of --each, 0: another file; *format is an index. */
static int64_t picture_number(const char *name, int *format) {
  size_t digits = strspn(name, "0123456789");
  if (digits < 4 || digits > 9 || name[digits] != '.')
    return 0;
  for (*format = 0; *format < FORMATS; ++*format)
    if (strcmp(name + digits + 1, formats[*format]) == 0)
      return strtoll(name, NULL, 10);
  return 0;
}

/* Pictures of an earlier call must not pass for some of this one's. */
static int check_earlier(const cli_pictures *pictures, int64_t count) {
  DIR *folder = opendir(pictures->each);
  int64_t there = 0, staying = 0, number;
  int format = 0;
  char one[256] = "";
  if (!folder)
    return CLI_OK; /* a new one, or one that may be written and not read */
  for (struct dirent *entry; (entry = readdir(folder));) {
    number = picture_number(entry->d_name, &format);
    if (number == 0)
      continue;
    there++;
    staying += number > count || strcmp(formats[format], pictures->format) != 0;
    if (!one[0] || strcmp(entry->d_name, one) < 0)
      snprintf(one, sizeof(one), "%s", entry->d_name);
  }
  closedir(folder);
  if (there && !pictures->overwrite)
    return cli_fail(CLI_USAGE,
                    "--each %s: pictures of an earlier call are there (%s and so on, %" PRId64
                    " in all); name another folder, or "
                    "write over them with --overwrite",
                    pictures->each, one, there);
  if (staying)
    fprintf(stderr, "limn: older pictures stay in %s beside the new ones: %" PRId64 "\n", pictures->each, staying);
  return CLI_OK;
}

int cli_pictures_write(const cli_pictures *pictures, int64_t count, cli_codes codes, const void *context) {
  const limn_generator_info *info = &pictures->info;
  size_t picture = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
  if (!pictures->each && count > MOST_GRID_PIXELS / ((int64_t)info->height * info->width))
    return cli_fail(CLI_USAGE, "%" PRId64 " pictures of %dx%d are too many for one grid; --each DIR writes a file each",
                    count, info->height, info->width);
  int code = pictures->each ? make_folder(pictures->each) : CLI_OK;
  if (code == CLI_OK && pictures->each)
    code = check_earlier(pictures, count);
  if (code != CLI_OK)
    return code;
  float *z = calloc((size_t)CHUNK * (size_t)info->latent, sizeof(*z));
  float *pixels = calloc((size_t)(pictures->each ? CHUNK : count) * picture, sizeof(*pixels));
  if (z && pixels)
    code = run_all(pictures, count, codes, context, z, pixels);
  else
    code = cli_fail(CLI_FAILED, "no memory for %" PRId64 " pictures at once; --each DIR writes them one by one", count);
  free(z);
  free(pixels);
  return code == CLI_OK ? print_result(pictures, count) : code;
}
