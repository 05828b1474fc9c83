#include "data/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/source.h"

#define MOST_BITS   7   /* of the gradient that may differ */
#define MOST_LEVELS 3   /* grey levels by which the sketches may differ on average */
#define BANDS       8   /* of 8 bits, one more than bits that may differ: two alike agree in at least one band */
#define NEIGHBOURS  128 /* of a picture in a band that it is compared with, at most */

static int luma_of(const limn_image *image, size_t pixel) {
  const uint8_t *p = image->pixels + pixel * (size_t)image->channels;
  int value = image->channels >= 3 ? limn_image_luma(p) : p[0];
  int alpha = image->channels % 2 == 0 ? p[image->channels - 1] : 255;
  return value * alpha / 255; /* over black */
}

/* Means over the cells of a grid; a picture smaller than the grid gives some of its pixels to several cells. */
static void shrink(const limn_image *image, int rows, int columns, uint8_t *out) {
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      int top = (int)((int64_t)r * image->height / rows), left = (int)((int64_t)c * image->width / columns);
      int bottom = (int)((int64_t)(r + 1) * image->height / rows);
      int right = (int)((int64_t)(c + 1) * image->width / columns);
      bottom = bottom > top ? bottom : top + 1;
      right = right > left ? right : left + 1;
      int64_t sum = 0, count = (int64_t)(bottom - top) * (right - left);
      for (int y = top; y < bottom; ++y)
        for (int x = left; x < right; ++x)
          sum += luma_of(image, (size_t)y * (size_t)image->width + (size_t)x);
      *out++ = (uint8_t)((sum + count / 2) / count);
    }
}

void limn_sketch_make(limn_sketch *sketch, const limn_image *image) {
  const int32_t shape[] = {image->height, image->width, image->channels};
  uint8_t cells[8 * 9];
  sketch->hash = limn_hash_bytes(limn_hash_bytes(0, shape, sizeof shape), image->pixels,
                                 (size_t)image->height * (size_t)image->width * (size_t)image->channels);
  shrink(image, LIMN_SKETCH_SIDE, LIMN_SKETCH_SIDE, sketch->grey);
  shrink(image, 8, 9, cells);
  sketch->gradient = 0;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      sketch->gradient |= (uint64_t)(cells[9 * y + x] < cells[9 * y + x + 1]) << (8 * y + x);
}

static bool near(const limn_sketch *a, const limn_sketch *b) {
  if (__builtin_popcountll(a->gradient ^ b->gradient) > MOST_BITS)
    return false;
  int sum = 0;
  for (size_t i = 0; i < sizeof a->grey; ++i)
    sum += abs(a->grey[i] - b->grey[i]);
  return sum <= MOST_LEVELS * (int)sizeof a->grey;
}

/* A picture's place in an order. */
typedef struct place {
  uint64_t key;
  uint32_t picture;
} place;

static int by_key(const void *a, const void *b) {
  const place *one = a, *two = b;
  if (one->key != two->key)
    return one->key < two->key ? -1 : 1;
  return one->picture < two->picture ? -1 : one->picture > two->picture;
}

static uint32_t list(const bool *use, uint32_t n, place *places) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < n; ++i)
    if (use[i])
      places[count++].picture = i;
  return count;
}

/* Puts every picture behind the first one of the same pixels. */
static void follow_exact(const limn_sketch *sketches, place *places, uint32_t count, uint32_t *leaders) {
  for (uint32_t i = 0; i < count; ++i)
    places[i].key = sketches[places[i].picture].hash;
  qsort(places, count, sizeof *places, by_key);
  for (uint32_t i = 0; i < count; ++i) {
    bool copy = i > 0 && places[i].key == places[i - 1].key;
    leaders[places[i].picture] = copy ? leaders[places[i - 1].picture] : places[i].picture;
  }
}

/* Puts pictures behind one that they are near to. Nothing follows a follower, so that a chain of small differences does
 * not make one group of pictures that look nothing alike. */
static void follow_near(const limn_sketch *sketches, place *places, uint32_t count, uint32_t *leaders, bool *leads) {
  for (int band = 0; band < BANDS; ++band) {
    for (uint32_t i = 0; i < count; ++i) { /* the band first, so that what agrees in it stands together */
      uint64_t gradient = sketches[places[i].picture].gradient;
      places[i].key = band ? gradient << (8 * band) | gradient >> (64 - 8 * band) : gradient;
    }
    qsort(places, count, sizeof *places, by_key);
    for (uint32_t i = 0; i < count; ++i)
      for (uint32_t j = i + 1; j < count && j - i <= NEIGHBOURS && places[j].key >> 56 == places[i].key >> 56; ++j) {
        uint32_t first = places[i].picture, other = places[j].picture;
        if (leaders[first] == first && leaders[other] == other && !leads[other] &&
            near(&sketches[first], &sketches[other])) {
          leaders[other] = first;
          leads[first] = true;
        }
      }
  }
}

/* Adds the groups of at least two with the same leader. Returns how many pictures follow another. */
static uint32_t cut(limn_same_pictures *out, const uint32_t *leaders, place *places, uint32_t count, bool exact) {
  uint32_t followers = 0;
  for (uint32_t i = 0; i < count; ++i)
    places[i].key = leaders[places[i].picture];
  qsort(places, count, sizeof *places, by_key);
  for (uint32_t first = 0, end; first < count; first = end) {
    for (end = first + 1; end < count && places[end].key == places[first].key;)
      ++end;
    if (end - first < 2)
      continue;
    out->groups[out->group_count++] = (limn_same){.first = out->order_count, .count = end - first, .exact = exact};
    for (uint32_t i = first; i < end; ++i)
      out->order[out->order_count++] = places[i].picture;
    followers += end - first - 1;
  }
  return followers;
}

limn_status limn_find_same(limn_same_pictures *out, const limn_sketch *sketches, const bool *use, uint32_t n) {
  uint32_t *leaders = calloc(n + 1, sizeof *leaders);
  place *places = malloc((n + 1) * sizeof *places);
  bool *leads = calloc(n + 1, sizeof *leads);
  *out = (limn_same_pictures){.order = malloc((2 * (size_t)n + 1) * sizeof *out->order),
                              .groups = malloc(((size_t)n + 1) * sizeof *out->groups)};
  limn_status status = LIMN_OK;
  if (!leaders || !places || !leads || !out->order || !out->groups) {
    limn_same_pictures_release(out);
    status = limn_fail_memory("finding pictures that are the same");
    goto cleanup;
  }
  uint32_t count = list(use, n, places);
  follow_exact(sketches, places, count, leaders);
  out->exact_copies = cut(out, leaders, places, count, true);
  uint32_t firsts = 0; /* copies stay out of what follows */
  for (uint32_t i = 0; i < count; ++i)
    if (leaders[places[i].picture] == places[i].picture)
      places[firsts++] = places[i];
  follow_near(sketches, places, firsts, leaders, leads);
  out->near_copies = cut(out, leaders, places, firsts, false);
cleanup:
  free(leaders);
  free(places);
  free(leads);
  return status;
}

void limn_same_pictures_release(limn_same_pictures *same) {
  free(same->order);
  free(same->groups);
  *same = (limn_same_pictures){0};
}
