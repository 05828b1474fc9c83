/* Picture sets of the colours of others' pictures: each a grey picture. A classifier of digits can then read what is
 * stacked of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "data/source.h"
#include "metrics/picture_set_kinds.h"

#define PLANES LIMN_STACKED_PLANES
#define LABELS LIMN_STACKED_LABELS

typedef struct planes_set {
  limn_picture_set set;    /* first, so that one is the other */
  limn_picture_set *whole; /* owned */
} planes_set;

static void close_planes(limn_picture_set *set) {
  limn_picture_set_close(((planes_set *)set)->whole);
  free(set);
}

/* Plane `at` of a picture. */
static limn_status take_plane(limn_image *out, const limn_image *image, uint32_t at) {
  LIMN_TRY(limn_image_init(out, image->height, image->width, 1));
  const size_t size = (size_t)image->height * (size_t)image->width;
  for (size_t i = 0; i < size; ++i)
    out->pixels[i] = image->pixels[i * PLANES + at];
  return LIMN_OK;
}

static limn_status check(const planes_set *p, uint32_t index, const limn_image *image) {
  char name[4096], shown[4096];
  if (image->channels == PLANES)
    return LIMN_OK;
  return limn_fail(LIMN_DATA,
                   "%s is grey, and what is stacked of three pictures has three colours; leave --stacked out",
                   limn_text_printable(limn_picture_set_name(p->whole, index, name, sizeof name), shown, sizeof shown));
}

/* The numbers follow each other, since nothing is chosen among them: those of `whole` do, too, and each is read once.
 */
static limn_status read_planes(limn_picture_set *set, const uint32_t *numbers, uint32_t count, limn_image *images) {
  planes_set *p = (planes_set *)set;
  const uint32_t first = numbers[0] / PLANES, wholes = numbers[count - 1] / PLANES - first + 1;
  limn_image *read = calloc(wholes, sizeof *read);
  limn_status status =
      read ? limn_picture_set_read(p->whole, first, wholes, read) : limn_fail_memory("stacked pictures");
  const uint32_t there = status == LIMN_OK ? wholes : 0;
  for (uint32_t i = 0; i < there && status == LIMN_OK; ++i)
    status = check(p, first + i, &read[i]);
  for (uint32_t i = 0; i < count && status == LIMN_OK; ++i)
    status = take_plane(&images[i], &read[numbers[i] / PLANES - first], numbers[i] % PLANES);
  for (uint32_t i = 0; i < there; ++i)
    limn_image_release(&read[i]);
  free(read);
  return status;
}

static int label_of(const limn_picture_set *set, uint32_t number) {
  static const int tens[PLANES] = {LABELS * LABELS, LABELS, 1};
  const int label = limn_picture_set_label(((const planes_set *)set)->whole, number / PLANES);
  return label < 0 ? -1 : label / tens[number % PLANES] % LABELS;
}

static const char *class_name_of(const limn_picture_set *set, int label) {
  static const char *const names[LABELS] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  (void)set;
  return names[label];
}

static const char *name_of(const limn_picture_set *set, uint32_t number, char *buffer, size_t size) {
  char name[4096];
  const planes_set *p = (const planes_set *)set;
  snprintf(buffer, size, "colour %" PRIu32 " of %s", number % PLANES + 1,
           limn_picture_set_name(p->whole, number / PLANES, name, sizeof name));
  return buffer;
}

static const limn_picture_kind planes_kind = {close_planes, read_planes, label_of, name_of, class_name_of};

static limn_status open_planes(planes_set *p) {
  limn_picture_set_info info;
  const uint64_t planes = PLANES;
  limn_picture_set_get_info(p->whole, &info);
  if (info.channels && info.channels != PLANES)
    return limn_fail(LIMN_USAGE, "%s: grey pictures, and what is stacked of three has three colours", info.kind);
  if (info.class_count > LABELS * LABELS * LABELS)
    return limn_fail(LIMN_USAGE, "%s: %d classes, and three digits make %d at most", info.kind, info.class_count,
                     LABELS * LABELS * LABELS);
  if (info.count > UINT32_MAX / PLANES || info.available > UINT32_MAX / PLANES)
    return limn_fail(LIMN_USAGE, "%" PRIu32 " pictures have too many colours to be counted", info.count);
  info.count *= PLANES;
  info.available *= PLANES;
  info.class_count = info.class_count ? LABELS : 0;
  info.channels = info.channels ? 1 : 0;
  info.fingerprint = info.fingerprint ? limn_hash_bytes(info.fingerprint, &planes, sizeof planes) : 0;
  p->set.info = info;
  return LIMN_OK;
}

limn_status limn_planes_set_open(limn_picture_set **out, limn_picture_set *whole) {
  planes_set *p = calloc(1, sizeof *p);
  *out = NULL;
  if (!p) {
    limn_picture_set_close(whole);
    return limn_fail_memory("stacked pictures");
  }
  p->set.kind = &planes_kind;
  p->whole = whole;
  limn_status status = open_planes(p);
  if (status == LIMN_OK)
    *out = &p->set;
  else
    close_planes(&p->set);
  return status;
}
