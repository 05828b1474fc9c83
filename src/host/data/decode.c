#include "data/decode.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "limn/tools.h"

#define HASHED_PICTURES 1024 /* whose bytes count in the fingerprint where decoding is dear */

static uint64_t hash_pixels(const uint8_t *pixels, size_t size) { return limn_hash_bytes(1, pixels, size); }

limn_status limn_make_row(const limn_decoder *decoder, limn_image *image, uint8_t *chw) {
  LIMN_TRY(limn_image_convert(image, decoder->channels, decoder->options->background));
  LIMN_TRY(
      limn_image_resize(image, decoder->height, decoder->width, decoder->options->fit, decoder->options->background));
  limn_image_to_planes(image, chw);
  return LIMN_OK;
}

limn_status limn_decode(const limn_decoder *decoder, uint32_t index, uint8_t *chw, uint64_t *hash) {
  limn_data_source *source = decoder->source;
  limn_image image = {0};
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, source->ops->read(source, index, &image));
  if (hash)
    *hash = hash_pixels(image.pixels, (size_t)image.height * (size_t)image.width * (size_t)image.channels);
  if (!chw)
    goto cleanup;
  if (!decoder->options->height && (image.height != decoder->height || image.width != decoder->width)) {
    char name[PATH_MAX];
    status = limn_fail(LIMN_DATA, "%s: %d x %d pixels now, changed since the data set was opened",
                       source->ops->name(source, index, name, sizeof name), image.height, image.width);
    goto cleanup;
  }
  status = limn_make_row(decoder, &image, chw);
cleanup:
  limn_image_release(&image);
  return status;
}

limn_status limn_pass_init(limn_pass *pass, limn_decoder *decoder, limn_picture_record *records) {
  *pass = (limn_pass){.decoder = decoder, .records = records};
  limn_progress_begin(&pass->progress);
  return pthread_mutex_init(&pass->lock, NULL) == 0 ? LIMN_OK : limn_fail_memory("a lock");
}

void limn_pass_release(limn_pass *pass) { pthread_mutex_destroy(&pass->lock); }

/* What becomes of a picture's failure: it is left out where that is asked for and the picture is at fault. */
static limn_status tolerate(limn_pass *pass, uint32_t i, limn_status status) {
  if (status != LIMN_DATA)
    return status;
  if (!pass->decoder->options->skip_broken && pass->decoder->options->pictures)
    return status; /* the caller's own words */
  if (!pass->decoder->options->skip_broken)
    return limn_fail(LIMN_DATA, "%s (--on-bad-image skip leaves such pictures out)", limn_error_message());
  pthread_mutex_lock(&pass->lock);
  pass->records[i] = (limn_picture_record){.broken = LIMN_RECORD_BROKEN};
  if (pass->broken_count++ == 0 || i < pass->first_broken) {
    pass->first_broken = i;
    snprintf(pass->reason, sizeof pass->reason, "%s", limn_error_message());
  }
  pthread_mutex_unlock(&pass->lock);
  return LIMN_OK;
}

/* What a failed probe has found out besides. true: the file is no picture, and that is no failure. */
static bool set_aside(limn_pass *pass, uint32_t i, const limn_picture_shape *shape) {
  const limn_data_source *source = pass->decoder->source;
  pthread_mutex_lock(&pass->lock);
  if (shape->lacked)
    pass->lacked |= 1u << shape->lacked;
  const bool aside = shape->no_picture && source->ops->file;
  if (aside) {
    pass->records[i] = (limn_picture_record){.broken = LIMN_RECORD_NO_PICTURE};
    limn_other_files_add(&pass->other_files, source->ops->file(source, i));
  }
  pthread_mutex_unlock(&pass->lock);
  return aside;
}

static limn_status probe(limn_pass *pass, uint32_t i) {
  limn_picture_shape shape = {0};
  limn_status status = pass->decoder->source->ops->probe(pass->decoder->source, i, &shape);
  if (status == LIMN_DATA && set_aside(pass, i, &shape))
    return LIMN_OK;
  LIMN_TRY(status);
  pass->records[i] = (limn_picture_record){.height = shape.height, .width = shape.width, .channels = shape.channels};
  return LIMN_OK;
}

static limn_status check_stop(const limn_pass *pass) {
  const volatile sig_atomic_t *stop = pass->decoder->options->stop;
  return stop && *stop ? limn_fail(LIMN_FAILED, "stopped while the pictures were being decoded") : LIMN_OK;
}

static limn_status probe_one(void *context, uint32_t i) {
  limn_pass *pass = context;
  LIMN_TRY(check_stop(pass));
  return tolerate(pass, i, probe(pass, i));
}

static limn_status fail_none(const limn_pass *pass) {
  char others[LIMN_OTHER_FILES_TEXT_SIZE];
  const uint32_t count = pass->decoder->source->count - pass->other_files.count;
  limn_other_files all = pass->decoder->source->other_files;
  limn_other_files_merge(&all, &pass->other_files);
  limn_other_files_text(&all, others, sizeof others);
  if (count == 0)
    return limn_fail(LIMN_DATA, "no pictures: %s; name a folder of pictures", others);
  return limn_fail(LIMN_DATA, "none of the %u pictures can be read; the first: %s", count, pass->reason);
}

/* Size and channels of the data set, from the options or from the pictures. */
static limn_status settle_shape(const limn_pass *pass) {
  limn_decoder *decoder = pass->decoder;
  const limn_dataset_options *options = decoder->options;
  const limn_data_source *source = decoder->source;
  uint32_t first = 0;
  while (first < source->count && pass->records[first].broken)
    ++first;
  if (first == source->count)
    return fail_none(pass);
  decoder->height = options->height ? options->height : pass->records[first].height;
  decoder->width = options->width ? options->width : pass->records[first].width;
  decoder->channels = options->channels ? options->channels : 1;
  for (uint32_t i = first; i < source->count; ++i) {
    const limn_picture_record *shape = &pass->records[i];
    if (shape->broken)
      continue;
    if (!options->height && (shape->height != decoder->height || shape->width != decoder->width)) {
      char one[PATH_MAX], other[PATH_MAX];
      return limn_fail(LIMN_DATA,
                       "%s is %d x %d pixels, but %s is %d x %d; give one size for all with --size, e.g. --size 64",
                       source->ops->name(source, first, one, sizeof one), decoder->height, decoder->width,
                       source->ops->name(source, i, other, sizeof other), shape->height, shape->width);
    }
    if (!options->channels && shape->channels >= 3)
      decoder->channels = 3;
  }
  return LIMN_OK;
}

limn_status limn_pass_probe(limn_pass *pass) {
  LIMN_TRY(limn_parallel_for(pass->decoder->source->count, pass->decoder->options->workers, probe_one, pass));
  return settle_shape(pass);
}

/* After a while, one line from the thread that asked for all this. */
static void tell_progress(limn_pass *pass) {
  const limn_decoder *decoder = pass->decoder;
  uint32_t done, count = decoder->source->count;
  double seconds;
  if (!limn_progress_due(&pass->progress, &done, &seconds) || !decoder->options->notice)
    return;
  char text[256];
  snprintf(text, sizeof text, "decoding %u pictures to %dx%d: %.0f a second, about %.0f s%s", count, decoder->height,
           decoder->width, done / seconds, (count - done) * seconds / done,
           pass->writer ? ", once: they are kept for the next run" : "");
  decoder->options->notice(decoder->options->context, text);
}

static limn_status decode_row(limn_pass *pass, uint32_t i) {
  const limn_decoder *decoder = pass->decoder;
  uint64_t *hash = &pass->records[i].hash;
  size_t row_bytes = limn_decoder_row_bytes(decoder);
  if (pass->dense) {
    *hash = hash_pixels(pass->dense + i * row_bytes, row_bytes);
    return LIMN_OK;
  }
  if (!pass->writer)
    return limn_decode(decoder, i, pass->rows ? pass->rows + i * row_bytes : NULL, hash);
  if (limn_cache_failed(pass->writer))
    return LIMN_OK; /* all has to be done again without it */
  uint8_t *row = malloc(row_bytes);
  if (!row)
    return limn_fail_memory("a picture");
  limn_status status = limn_decode(decoder, i, row, hash);
  if (status == LIMN_OK)
    limn_cache_put(pass->writer, i, row);
  free(row);
  return status;
}

static limn_status decode_one(void *context, uint32_t i) {
  limn_pass *pass = context;
  LIMN_TRY(check_stop(pass));
  tell_progress(pass);
  return pass->records[i].broken ? LIMN_OK : tolerate(pass, i, decode_row(pass, i));
}

limn_status limn_pass_decode(limn_pass *pass) {
  const limn_decoder *decoder = pass->decoder;
  pass->progress.done = 0;
  LIMN_TRY(limn_parallel_for(decoder->source->count, decoder->options->workers, decode_one, pass));
  /* A picture with a good head and broken pixels must not settle the shape of the others. */
  limn_decoder before = *decoder;
  LIMN_TRY(settle_shape(pass));
  return before.height == decoder->height && before.width == decoder->width && before.channels == decoder->channels
             ? LIMN_OK
             : limn_fail(
                   LIMN_DATA,
                   "the pictures are %d x %d x %d without the broken ones, and else %d x %d x %d; give --size and "
                   "--channels, or remove the broken ones",
                   decoder->channels, decoder->height, decoder->width, before.channels, before.height, before.width);
}

void limn_pass_note(const limn_pass *pass, char *buffer, size_t size) {
  buffer[0] = '\0';
  if (pass->broken_count)
    snprintf(buffer, size, "%u of %u pictures %s broken and left out; the first: %s", pass->broken_count,
             pass->decoder->source->count - pass->other_files.count, pass->broken_count == 1 ? "is" : "are",
             pass->reason);
}

uint64_t limn_fingerprint(const limn_data_source *source, const limn_picture_record *records) {
  uint64_t hash = limn_hash_bytes(0, source->ops->kind, strlen(source->ops->kind));
  uint32_t kept = 0, position = 0;
  for (uint32_t i = 0; i < source->count; ++i)
    kept += !records[i].broken;
  uint32_t stride = source->cheap ? 1 : (kept + HASHED_PICTURES - 1) / HASHED_PICTURES;
  for (uint32_t i = 0; i < source->count; ++i) {
    const limn_picture_record *picture = &records[i];
    if (picture->broken)
      continue;
    uint64_t pixels = position++ % stride == 0 ? picture->hash : 0;
    uint8_t numbers[4 * 3 + 8]; /* written out byte by byte: the same on every machine */
    const uint32_t shape_words[3] = {(uint32_t)picture->height, (uint32_t)picture->width, (uint32_t)picture->channels};
    for (int j = 0; j < 12; ++j)
      numbers[j] = (uint8_t)(shape_words[j / 4] >> (8 * (j % 4)));
    for (int j = 0; j < 8; ++j)
      numbers[12 + j] = (uint8_t)(pixels >> (8 * j));
    hash = limn_hash_bytes(source->ops->identify(source, i, hash), numbers, sizeof numbers);
  }
  return hash ? hash : 1;
}
