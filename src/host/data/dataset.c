#include "data/dataset.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/memory_limit.h"
#include "data/decode.h"
#include "limn/tools.h"

#define WORTH_KEEPING 16000000 /* pixels to decode, a third of a second's work of one processor */

struct limn_dataset {
  limn_data_source *source;
  limn_dataset_options options;
  limn_dataset_info info;
  limn_decoder decoder;
  size_t picture_bytes;
  const uint8_t *pixels; /* (count of the source, C, H, W); NULL: decoded at each read */
  uint8_t *owned_pixels; /* `pixels` where it does not belong to the source or the cache */
  limn_cache cache;
  uint32_t *kept; /* (info.count), the numbers that the pictures have in the source; NULL: the same */
};

static limn_status check_options(const limn_dataset_options *options) {
  if (options->height < 0 || options->width < 0 || !options->height != !options->width)
    return limn_fail(LIMN_USAGE, "a size of %d x %d pixels is not possible; give both sides, or none", options->height,
                     options->width);
  if (options->channels != 0 && options->channels != 1 && options->channels != 3)
    return limn_fail(LIMN_USAGE, "%d channels are not possible; give 1 or 3, or 0 to follow the data",
                     options->channels);
  if (options->height > 0 && options->height > LIMN_MAX_PICTURE_PIXELS / options->width)
    return limn_fail(LIMN_USAGE, "a size of %d x %d pixels is over the limit of %d in all", options->height,
                     options->width, LIMN_MAX_PICTURE_PIXELS);
  return LIMN_OK;
}

static void notice(const limn_dataset *dataset, const char *text) {
  if (dataset->options.notice && text[0])
    dataset->options.notice(dataset->options.context, text);
}

/* Where decoded pictures are kept and under which key. */
typedef struct cache_place {
  limn_dataset *dataset;
  const char *folder; /* NULL: nowhere */
  char buffer[PATH_MAX];
  limn_cache_key key; /* but for the state, which the source knows */
} cache_place;

static const char *cache_folder(const limn_dataset *dataset, char *buffer) {
  const char *folder = dataset->options.cache;
  char base[PATH_MAX];
  if (!folder || !folder[0] || strcmp(folder, "off") == 0)
    return NULL;
  if (strcmp(folder, "auto") != 0)
    return folder;
  folder = limn_cache_folder(base, sizeof base);
  return folder && snprintf(buffer, PATH_MAX, "%s/data", folder) < PATH_MAX ? buffer : NULL;
}

static void find_place(cache_place *place, limn_dataset *dataset, const char *path) {
  const limn_dataset_options *options = &dataset->options;
  place->dataset = dataset;
  place->folder = cache_folder(dataset, place->buffer);
  char *real = place->folder && path ? realpath(path, NULL) : NULL;
  if (!real) {
    place->folder = NULL;
    return;
  }
  /* The limit decides which pictures are left out. */
  const int64_t form[] = {options->height, options->width, options->channels, options->fit, options->max_pixels};
  place->key = (limn_cache_key){
      .place = limn_hash_bytes(0, real, strlen(real)),
      .form = limn_hash_bytes(limn_hash_bytes(0, form, sizeof form), options->background, sizeof options->background)};
  free(real);
}

/* Whether one of these libraries is here now: what was broken for lack of it no longer is. */
static bool has_come(uint32_t lacked) {
  for (limn_picture_library library = 0; library < LIMN_PICTURE_LIBRARY_COUNT; ++library)
    if ((lacked >> library & 1) && limn_picture_library_is_here(library))
      return true;
  return false;
}

/* Whether decoded pictures are there from an earlier run. Where some are broken that may not be, a pass over all will
 * tell which. */
static bool open_cache(limn_dataset *dataset, const cache_place *place) {
  if (!limn_cache_open(&dataset->cache, place->folder, &place->key))
    return false;
  const limn_cache_facts *facts = &dataset->cache.facts;
  if ((facts->broken_count == 0 || dataset->options.skip_broken) && !has_come(facts->lacked))
    return true;
  limn_cache_close(&dataset->cache);
  return false;
}

/* limn_source_options.recall */
static bool recall(void *context, uint64_t state, limn_file_list *files) {
  cache_place *place = context;
  limn_dataset *dataset = place->dataset;
  const limn_cache *cache = &dataset->cache;
  place->key.state = state;
  if (!open_cache(dataset, place))
    return false;
  if (limn_file_list_unpack(files, cache->names, cache->facts.names_bytes) && files->count == cache->facts.count)
    return true;
  limn_cache_close(&dataset->cache);
  return false;
}

static limn_status use_records(limn_dataset *dataset, const limn_picture_record *records) {
  const limn_data_source *source = dataset->source;
  limn_dataset_info *info = &dataset->info;
  info->channels = dataset->decoder.channels;
  info->height = dataset->decoder.height;
  info->width = dataset->decoder.width;
  info->count = source->count;
  for (uint32_t i = 0; i < source->count; ++i) {
    info->broken += records[i].broken == LIMN_RECORD_BROKEN;
    info->count -= records[i].broken != 0;
  }
  info->fingerprint = limn_fingerprint(source, records);
  dataset->picture_bytes = limn_decoder_row_bytes(&dataset->decoder);
  if (dataset->cache.pixels) {
    dataset->pixels = dataset->cache.pixels;
    info->cache_bytes = dataset->cache.size;
    info->cache_path = dataset->cache.path;
  } else if (dataset->pixels) {
    info->memory_bytes = dataset->picture_bytes * source->count;
  }
  if (dataset->pixels && source->ops->forget && (dataset->owned_pixels || info->cache_bytes))
    source->ops->forget(dataset->source);
  if (info->count == source->count)
    return LIMN_OK;
  dataset->kept = malloc(info->count * sizeof *dataset->kept);
  if (!dataset->kept)
    return limn_fail_memory("the list of pictures");
  for (uint32_t i = 0, kept = 0; i < source->count; ++i)
    if (!records[i].broken)
      dataset->kept[kept++] = i;
  return LIMN_OK;
}

/* Serves what decoded pictures are there from an earlier run. */
static limn_status reuse(limn_dataset *dataset, const cache_place *place, bool *done) {
  const limn_cache *cache = &dataset->cache;
  *done = cache->pixels || open_cache(dataset, place); /* a source that recalls its files has it open */
  if (*done && cache->facts.count != dataset->source->count) {
    limn_cache_close(&dataset->cache);
    *done = false;
  }
  if (!*done)
    return LIMN_OK;
  dataset->decoder.channels = cache->facts.channels;
  dataset->decoder.height = cache->facts.height;
  dataset->decoder.width = cache->facts.width;
  notice(dataset, cache->facts.note);
  dataset->info.cache_found = true;
  dataset->info.other_files = cache->facts.other_files;
  if (!dataset->source->ops->files)
    limn_other_files_merge(&dataset->info.other_files, &dataset->source->other_files);
  return use_records(dataset, cache->records);
}

/* Room in memory for all rows, where they fit. */
static limn_status hold_in_memory(limn_dataset *dataset, size_t row_bytes, size_t memory_limit) {
  uint32_t count = dataset->source->count;
  if (row_bytes > memory_limit / count)
    return LIMN_OK;
  dataset->pixels = dataset->owned_pixels = malloc(row_bytes * count);
  return dataset->pixels
             ? LIMN_OK
             : limn_fail(LIMN_FAILED, "out of memory for %u decoded pictures (%.1f GB); give a smaller --size", count,
                         (double)row_bytes * count * 1e-9);
}

static bool worth_keeping(const limn_dataset *dataset, const limn_picture_record *records) {
  double pixels = 0;
  for (uint32_t i = 0; i < dataset->source->count; ++i)
    pixels += (double)records[i].height * records[i].width;
  return strcmp(dataset->options.cache, "auto") != 0 || pixels >= WORTH_KEEPING;
}

/* What is kept beside the pixels; *names is yours, NULL for nothing. */
static limn_status pack_names(const limn_dataset *dataset, limn_cache_facts *facts, char **names) {
  const limn_data_source *source = dataset->source;
  size_t size = 0;
  *names = NULL;
  if (source->ops->files)
    LIMN_TRY(limn_file_list_pack(source->ops->files(source), names, &size));
  facts->names_bytes = (uint32_t)size;
  return size <= UINT32_MAX ? LIMN_OK : limn_fail(LIMN_FAILED, "%zu bytes of names are too many", size);
}

/* Decodes all into a file. *done is false, with a notice, where that cannot be written. */
static limn_status decode_to_disk(limn_dataset *dataset, limn_pass *pass, const cache_place *place, bool *done) {
  const limn_decoder *decoder = &dataset->decoder;
  limn_cache_writer writer = {0};
  limn_cache_facts facts = {.count = dataset->source->count,
                            .channels = decoder->channels,
                            .height = decoder->height,
                            .width = decoder->width};
  char *names;
  *done = false;
  limn_status status = pack_names(dataset, &facts, &names);
  if (status == LIMN_OK)
    status = limn_cache_begin(&writer, place->folder, &place->key, &facts);
  if (status == LIMN_OK) {
    pass->writer = &writer;
    status = limn_pass_decode(pass);
    pass->writer = NULL;
    if (status != LIMN_OK) {
      limn_cache_abandon(&writer);
      free(names);
      return status;
    }
    facts.broken_count = pass->broken_count;
    facts.lacked = pass->lacked;
    facts.other_files = pass->other_files;
    if (dataset->source->ops->files)
      limn_other_files_merge(&facts.other_files, &dataset->source->other_files);
    limn_pass_note(pass, facts.note, sizeof facts.note);
    status = limn_cache_commit(&writer, &facts, pass->records, names);
  }
  free(names);
  *done = status == LIMN_OK && limn_cache_open(&dataset->cache, place->folder, &place->key);
  if (!*done) {
    char text[1200];
    snprintf(text, sizeof text, "decoded pictures are not kept for the next run: %s",
             status == LIMN_OK ? "their file cannot be read back" : limn_error_message());
    notice(dataset, text);
  }
  return LIMN_OK;
}

static limn_status decode_all(limn_dataset *dataset, limn_pass *pass, const cache_place *place) {
  limn_data_source *source = dataset->source;
  const limn_decoder *decoder = &dataset->decoder;
  LIMN_TRY(limn_pass_probe(pass));
  const uint8_t *dense = source->ops->dense ? source->ops->dense(source) : NULL;
  const limn_picture_record *first = &pass->records[0];
  size_t row_bytes = limn_decoder_row_bytes(decoder);
  bool done = false;
  if (dense && decoder->channels == 1 && first->height == decoder->height && first->width == decoder->width) {
    dataset->pixels = pass->dense = dense;
  } else {
    if (place->folder && source->ops->state && worth_keeping(dataset, pass->records))
      LIMN_TRY(decode_to_disk(dataset, pass, place, &done));
    if (!done)
      LIMN_TRY(hold_in_memory(dataset, row_bytes, dataset->options.memory_limit));
    pass->rows = dataset->owned_pixels;
  }
  if (!done)
    LIMN_TRY(limn_pass_decode(pass));
  char note[LIMN_CACHE_NOTE_SIZE];
  limn_pass_note(pass, note, sizeof note);
  notice(dataset, note);
  dataset->info.other_files = source->other_files;
  limn_other_files_merge(&dataset->info.other_files, &pass->other_files);
  return use_records(dataset, pass->records);
}

static limn_status open_pictures(limn_dataset *dataset, cache_place *place) {
  limn_pass pass;
  bool done = false;
  if (place->folder && dataset->source->ops->state) {
    place->key.state = dataset->source->ops->state(dataset->source, 0);
    LIMN_TRY(reuse(dataset, place, &done));
  }
  if (done)
    return LIMN_OK;
  limn_picture_record *records = calloc(dataset->source->count, sizeof *records);
  if (!records)
    return limn_fail_memory("a survey of the data set");
  limn_status status = limn_pass_init(&pass, &dataset->decoder, records);
  if (status == LIMN_OK) {
    status = decode_all(dataset, &pass, place);
    limn_pass_release(&pass);
  }
  free(records);
  return status;
}

limn_status limn_dataset_open(limn_dataset **out, const char *path, const limn_dataset_options *options) {
  static const limn_dataset_options defaults = {0};
  *out = NULL;
  if (!options)
    options = &defaults;
  LIMN_TRY(check_options(options));
  limn_dataset *dataset = calloc(1, sizeof *dataset);
  if (!dataset)
    return limn_fail_memory("a data set");
  dataset->options = *options;
  if (!options->memory_limit)
    dataset->options.memory_limit = limn_memory_limit_read(NULL).available / 2;
  if (!options->max_pixels)
    dataset->options.max_pixels = LIMN_MAX_PICTURE_PIXELS;
  cache_place place;
  find_place(&place, dataset, path);
  const limn_source_options source_options = {.memory_limit = dataset->options.memory_limit,
                                              .max_pixels = dataset->options.max_pixels,
                                              .labels = options->labels,
                                              .label_column = options->label_column,
                                              .recall = place.folder ? recall : NULL,
                                              .context = &place};
  limn_status status = options->pictures ? limn_callback_open(&dataset->source, options->pictures)
                                         : limn_source_open(&dataset->source, path, &source_options);
  if (status == LIMN_OK) {
    dataset->decoder = (limn_decoder){.source = dataset->source, .options = &dataset->options};
    dataset->info.kind = dataset->source->ops->kind;
    dataset->info.cache_path = "";
    dataset->info.class_count = dataset->source->class_count;
    if (dataset->source->ops->state)
      dataset->info.state = dataset->source->ops->state(dataset->source, 0);
    status = open_pictures(dataset, &place);
  }
  if (status == LIMN_OK) {
    char others[LIMN_OTHER_FILES_TEXT_SIZE];
    notice(dataset, limn_other_files_text(&dataset->info.other_files, others, sizeof others));
  }
  if (options->pictures)
    dataset->info.fingerprint = options->pictures->fingerprint;
  /* They belong to the caller, for this call. */
  dataset->options.labels = dataset->options.label_column = NULL;
  dataset->options.pictures = NULL;
  dataset->options.cache = NULL;
  dataset->options.notice = NULL;
  dataset->options.context = NULL;
  dataset->options.stop = NULL;
  if (status != LIMN_OK) {
    limn_dataset_close(dataset);
    return status;
  }
  *out = dataset;
  return LIMN_OK;
}

void limn_dataset_close(limn_dataset *dataset) {
  if (!dataset)
    return;
  if (dataset->source)
    dataset->source->ops->destroy(dataset->source);
  limn_cache_close(&dataset->cache);
  free(dataset->owned_pixels);
  free(dataset->kept);
  free(dataset);
}

void limn_dataset_get_info(const limn_dataset *dataset, limn_dataset_info *out) { *out = dataset->info; }

/* The number in the source of a picture of the data set. */
static uint32_t in_source(const limn_dataset *dataset, uint32_t index) {
  return dataset->kept ? dataset->kept[index] : index;
}

limn_status limn_dataset_read(limn_dataset *dataset, uint32_t index, uint8_t *chw) {
  if (index >= dataset->info.count)
    return limn_fail(LIMN_USAGE, "no picture %u in a data set of %u", index, dataset->info.count);
  index = in_source(dataset, index);
  if (!dataset->pixels)
    return limn_decode(&dataset->decoder, index, chw, NULL);
  memcpy(chw, dataset->pixels + (size_t)index * dataset->picture_bytes, dataset->picture_bytes);
  return LIMN_OK;
}

int limn_dataset_label(const limn_dataset *dataset, uint32_t index) {
  return index < dataset->info.count ? dataset->source->ops->label(dataset->source, in_source(dataset, index)) : -1;
}

const char *limn_dataset_class_name(const limn_dataset *dataset, int label) {
  if (label < 0 || label >= dataset->info.class_count)
    return NULL;
  return dataset->source->ops->class_name(dataset->source, label);
}
