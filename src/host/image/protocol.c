/* Rows first, columns then, as all three tools do; float32 between the two. */
#include "image/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/for_each_cpu.h"
#include "base/text.h"
#include "image/protocol_taps.h"
#include "limn/config.h"

static const char *const names[LIMN_PROTOCOL_COUNT] = {
    [LIMN_PROTOCOL_CLEAN_FID] = "clean-fid",
    [LIMN_PROTOCOL_TORCH_FIDELITY] = "torch-fidelity",
    [LIMN_PROTOCOL_PYTORCH_FID] = "pytorch-fid",
};

const char *limn_protocol_name(limn_resize_protocol protocol) { return names[protocol]; }

limn_status limn_protocol_find(const char *name, limn_resize_protocol *out) {
  for (int i = 0; i < LIMN_PROTOCOL_COUNT; ++i)
    if (strcmp(name, names[i]) == 0) {
      *out = (limn_resize_protocol)i;
      return LIMN_OK;
    }
  const char *nearest = limn_nearest(name, names, LIMN_PROTOCOL_COUNT);
  return limn_fail(LIMN_USAGE, "there is no resize protocol \"%.64s\", but %s, %s and %s%s%s%s", name, names[0],
                   names[1], names[2], nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* Rows that are resized together, a vector's element each. */
#define LANES 16
/* Columns that are summed together. */
#define TILE 64

typedef struct resize {
  const limn_image *image;
  limn_protocol_taps rows, columns; /* of the new rows, of the new columns */
  float *block;                     /* (old width, LANES): old rows side by side */
  float *narrow;                    /* (old height, new width) */
} resize;

/* Old rows first to first + count - 1 of a channel, the others zeros. */
static void gather(const resize *r, int channel, int first, int count) {
  const size_t channels = (size_t)r->image->channels, width = (size_t)r->image->width;
  if (count < LANES)
    memset(r->block, 0, width * LANES * sizeof *r->block);
  for (int lane = 0; lane < count; ++lane) {
    const uint8_t *from = r->image->pixels + (size_t)(first + lane) * width * channels + channel;
    for (size_t x = 0; x < width; ++x)
      r->block[x * LANES + (size_t)lane] = (float)from[x * channels];
  }
}

/* Doubles, as PIL sums; what a sum of floats would lose shows at the fifth decimal. */
LIMN_FOR_EACH_CPU static void resize_rows(const limn_protocol_taps *taps, const float *block, int count, float *out) {
  for (int x = 0; x < taps->to; ++x) {
    const float *from = block + (size_t)taps->first[x] * LANES;
    const double *weights = taps->weights + (size_t)x * (size_t)taps->most;
    double sum[LANES] = {0};
    for (int k = 0; k < taps->count[x]; ++k)
      for (int lane = 0; lane < LANES; ++lane)
        sum[lane] += weights[k] * (double)from[k * LANES + lane];
    for (int lane = 0; lane < count; ++lane)
      out[(size_t)lane * (size_t)taps->to + (size_t)x] = (float)sum[lane];
  }
}

LIMN_FOR_EACH_CPU static void resize_columns(const limn_protocol_taps *taps, const float *narrow, int width,
                                             float *plane) {
  for (int y = 0; y < taps->to; ++y) {
    const float *from = narrow + (size_t)taps->first[y] * (size_t)width;
    const double *weights = taps->weights + (size_t)y * (size_t)taps->most;
    for (int x = 0; x < width; x += TILE) {
      const int count = width - x < TILE ? width - x : TILE;
      double sum[TILE] = {0};
      for (int k = 0; k < taps->count[y]; ++k)
        for (int i = 0; i < count; ++i)
          sum[i] += weights[k] * (double)from[(size_t)k * (size_t)width + (size_t)(x + i)];
      for (int i = 0; i < count; ++i)
        plane[(size_t)y * (size_t)width + (size_t)(x + i)] = (float)sum[i];
    }
  }
}

static void clip(float *plane, size_t size) {
  for (size_t i = 0; i < size; ++i)
    plane[i] = plane[i] < 0 ? 0 : plane[i] > 255 ? 255 : plane[i];
}

/* out may be `plane`. */
static void scale_to(float *out, const float *plane, size_t size, float scale, float shift) {
  for (size_t i = 0; i < size; ++i)
    out[i] = scale * plane[i] + shift;
}

static limn_status prepare(resize *r, limn_resize_protocol protocol, int height, int width) {
  const size_t old_height = (size_t)r->image->height, old_width = (size_t)r->image->width;
  LIMN_TRY(limn_protocol_taps_init(&r->columns, protocol, r->image->width, width));
  LIMN_TRY(limn_protocol_taps_init(&r->rows, protocol, r->image->height, height));
  r->block = malloc(old_width * LANES * sizeof *r->block);
  r->narrow = malloc(old_height * (size_t)width * sizeof *r->narrow);
  return r->block && r->narrow ? LIMN_OK : limn_fail_memory("a resized picture");
}

static void release(resize *r) {
  limn_protocol_taps_release(&r->rows);
  limn_protocol_taps_release(&r->columns);
  free(r->block);
  free(r->narrow);
}

static void resize_channel(const resize *r, int channel, float *plane) {
  const int height = r->image->height, width = r->columns.to;
  for (int y = 0; y < height; y += LANES) {
    const int count = height - y < LANES ? height - y : LANES;
    gather(r, channel, y, count);
    resize_rows(&r->columns, r->block, count, r->narrow + (size_t)y * (size_t)width);
  }
  resize_columns(&r->rows, r->narrow, width, plane);
}

limn_status limn_protocol_resize(limn_resize_protocol protocol, const limn_image *image, int height, int width,
                                 const float scale[3], const float shift[3], float *chw) {
  const size_t size = (size_t)height * (size_t)width;
  if (image->channels != 1 && image->channels != 3)
    return limn_fail(LIMN_USAGE,
                     "a picture with alpha (%d channels) cannot be resized for a network: composite it first",
                     image->channels);
  resize r = {.image = image};
  limn_status status = prepare(&r, protocol, height, width);
  for (int c = 0; status == LIMN_OK && c < image->channels; ++c) {
    resize_channel(&r, c, chw + (size_t)c * size);
    if (protocol == LIMN_PROTOCOL_CLEAN_FID)
      clip(chw + (size_t)c * size, size);
  }
  /* The first plane last: a grey picture's others are made of it. */
  for (int c = 2; status == LIMN_OK && c >= 0; --c)
    scale_to(chw + (size_t)c * size, image->channels == 1 ? chw : chw + (size_t)c * size, size, scale[c], shift[c]);
  release(&r);
  return status;
}
