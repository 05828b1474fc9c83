#include "metrics/copies.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "metrics/neighbours.h"

#define QUANTILE     0.01 /* nearer than all but so many of the unseen pictures */
#define SHOWN        4    /* of the data beside each picture of the sheet */
#define SHEET_MARGIN 2

/* Squares of the distances to the nearest pictures of the data, and which these are. */
typedef struct nearest {
  uint32_t *indices; /* (count, SHOWN) */
  double *squares;
  uint32_t count, each;
} nearest;

static void release(nearest *n) {
  free(n->indices);
  free(n->squares);
}

static limn_status find(nearest *n, const limn_measured *m, const limn_feature_set *set) {
  bool within = set == &m->data;
  n->count = set->count;
  n->each = m->data.count > SHOWN ? SHOWN : 1;
  n->indices = malloc((size_t)n->count * n->each * sizeof *n->indices);
  n->squares = malloc((size_t)n->count * n->each * sizeof *n->squares);
  if (!n->indices || !n->squares)
    return limn_fail_memory("nearest pictures");
  return within ? limn_neighbours_within(n->indices, n->squares, &m->algebra, set, (int)n->each)
                : limn_neighbours_of(n->indices, n->squares, &m->algebra, set, &m->data, (int)n->each);
}

static int by_value(const void *a, const void *b) {
  double one = *(const double *)a, two = *(const double *)b;
  return one < two ? -1 : one > two;
}

/* Distances to the nearest, ascending; yours. NULL: no memory. */
static double *sort_distances(const nearest *n) {
  double *sorted = malloc((size_t)n->count * sizeof *sorted);
  if (!sorted)
    return NULL;
  for (uint32_t i = 0; i < n->count; ++i)
    sorted[i] = sqrt(n->squares[(size_t)i * n->each]);
  qsort(sorted, n->count, sizeof *sorted, by_value);
  return sorted;
}

static double quantile(const double *sorted, uint32_t count, double part) {
  return sorted[(uint32_t)(part * (double)(count - 1))];
}

static limn_status add_score(limn_evaluation *out, const char *name, double value, int better, const char *protocol) {
  limn_score *score = limn_evaluation_add(out, "copies", better, value);
  if (!score)
    return limn_fail_memory("scores");
  snprintf(score->name, sizeof score->name, "%s", name);
  snprintf(score->protocol, sizeof score->protocol, "%s", protocol);
  return LIMN_OK;
}

static limn_status score(const limn_measured *m, const nearest *pictures, const nearest *unseen, double *edge,
                         limn_evaluation *out) {
  const char *against = m->held_out.count ? "held-out pictures" : "pictures of the data to each other";
  double *near = sort_distances(pictures), *usual = sort_distances(unseen);
  char text[128];
  limn_status status = near && usual ? LIMN_OK : limn_fail_memory("distances");
  if (status == LIMN_OK) {
    uint32_t copies = 0;
    *edge = quantile(usual, unseen->count, QUANTILE);
    while (copies < pictures->count && near[copies] < *edge)
      ++copies;
    snprintf(text, sizeof text, "share nearer than %g %% of %s", 100 * QUANTILE, against);
    status = add_score(out, "copies", (double)copies / pictures->count, -1, text);
    double typical = quantile(usual, unseen->count, 0.5);
    snprintf(text, sizeof text, "median to the nearest, over that of %s", against);
    if (status == LIMN_OK)
      status = add_score(out, "distance to the data",
                         typical > 0 ? quantile(near, pictures->count, 0.5) / typical : NAN, 1, text);
  }
  free(near);
  free(usual);
  return status;
}

/* Numbers of pictures, the nearest to the data first; yours. NULL: no memory. */
struct offender {
  double square;
  uint32_t index;
};

static int by_square(const void *a, const void *b) {
  const struct offender *one = a, *two = b;
  if (one->square != two->square)
    return one->square < two->square ? -1 : 1;
  return one->index < two->index ? -1 : one->index > two->index;
}

static struct offender *rank(const nearest *n) {
  struct offender *order = malloc((size_t)n->count * sizeof *order);
  for (uint32_t i = 0; order && i < n->count; ++i)
    order[i] = (struct offender){n->squares[(size_t)i * n->each], i};
  if (order)
    qsort(order, n->count, sizeof *order, by_square);
  return order;
}

static char *name_of(const limn_picture_set *set, uint32_t index) {
  char name[4096], shown[4096];
  return strdup(limn_text_printable(limn_picture_set_name(set, index, name, sizeof name), shown, sizeof shown));
}

static limn_status list_pairs(const limn_measured *m, const nearest *n, const struct offender *order, double edge,
                              limn_evaluation *out) {
  size_t count = n->count < LIMN_NEAREST_PAIRS ? n->count : LIMN_NEAREST_PAIRS;
  out->pairs = calloc(count, sizeof *out->pairs);
  if (!out->pairs)
    return limn_fail_memory("the nearest pictures");
  for (; out->pair_count < count; ++out->pair_count) {
    limn_nearest_pair *pair = &out->pairs[out->pair_count];
    uint32_t i = order[out->pair_count].index;
    pair->distance = sqrt(order[out->pair_count].square);
    pair->usual = edge;
    pair->picture = name_of(m->sets->pictures, i);
    pair->data = name_of(m->sets->data, n->indices[(size_t)i * n->each]);
    if (!pair->picture || !pair->data) {
      ++out->pair_count;
      return limn_fail_memory("the nearest pictures");
    }
  }
  return LIMN_OK;
}

/* A picture into a cell of the sheet: as it is where all are of one size, else brought to the first one's. */
static limn_status put(limn_picture_set *set, uint32_t index, limn_image *sheet, int cell, int columns, int height,
                       int width) {
  static const uint8_t white[3] = {255, 255, 255};
  limn_image image;
  LIMN_TRY(limn_picture_set_read(set, index, 1, &image));
  limn_status status = limn_image_convert(&image, 3, white);
  if (status == LIMN_OK)
    status = limn_image_resize(&image, height, width, LIMN_FIT_PAD, white);
  size_t row = (size_t)width * 3;
  uint8_t *to = sheet->pixels + ((size_t)(cell / columns * (height + SHEET_MARGIN)) * (size_t)sheet->width +
                                 (size_t)(cell % columns * (width + SHEET_MARGIN))) *
                                    3;
  for (int h = 0; h < height && status == LIMN_OK; ++h)
    memcpy(to + (size_t)h * (size_t)sheet->width * 3, image.pixels + (size_t)h * row, row);
  limn_image_release(&image);
  return status;
}

/* A row each: a picture, then what of the data is nearest to it. */
static limn_status write_sheet(const limn_measured *m, const nearest *n, const struct offender *order,
                               const char *path) {
  const int columns = 1 + (int)n->each, rows = (int)(n->count < LIMN_NEAREST_PAIRS ? n->count : LIMN_NEAREST_PAIRS);
  limn_image first, sheet = {0};
  LIMN_TRY(limn_picture_set_read(m->sets->pictures, order[0].index, 1, &first));
  const int height = first.height, width = first.width;
  limn_image_release(&first);
  LIMN_TRY(limn_image_init(&sheet, rows * (height + SHEET_MARGIN) - SHEET_MARGIN,
                           columns * (width + SHEET_MARGIN) - SHEET_MARGIN, 3));
  memset(sheet.pixels, 255, (size_t)sheet.height * (size_t)sheet.width * 3);
  limn_status status = LIMN_OK;
  for (int r = 0; r < rows && status == LIMN_OK; ++r) {
    uint32_t i = order[r].index;
    status = put(m->sets->pictures, i, &sheet, r * columns, columns, height, width);
    for (int k = 0; k < (int)n->each && status == LIMN_OK; ++k)
      status = put(m->sets->data, n->indices[(size_t)i * n->each + (size_t)k], &sheet, r * columns + 1 + k, columns,
                   height, width);
  }
  if (status == LIMN_OK)
    status = limn_image_write(&sheet, path);
  limn_image_release(&sheet);
  return status;
}

limn_status limn_take_copies(const limn_measured *m, limn_evaluation *out) {
  nearest pictures = {0}, unseen = {0};
  struct offender *order = NULL;
  double edge = 0;
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, find(&pictures, m, &m->pictures));
  LIMN_TRY_OR_CLEANUP(status, find(&unseen, m, m->held_out.count ? &m->held_out : &m->data));
  LIMN_TRY_OR_CLEANUP(status, score(m, &pictures, &unseen, &edge, out));
  order = rank(&pictures);
  if (!order)
    LIMN_TRY_OR_CLEANUP(status, limn_fail_memory("the nearest pictures"));
  LIMN_TRY_OR_CLEANUP(status, list_pairs(m, &pictures, order, edge, out));
  if (m->options->sheet)
    LIMN_TRY_OR_CLEANUP(status, write_sheet(m, &pictures, order, m->options->sheet));
cleanup:
  release(&pictures);
  release(&unseen);
  free(order);
  return status;
}
