#include "train/training_data.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/memory.h"

/* The middle of a picture, `margin` pixels less in height and width. */
static void cut_middle(const limn_dataset_info *info, int margin, const uint8_t *picture, uint8_t *out) {
  size_t width = (size_t)(info->width - margin);
  for (int c = 0; c < info->channels; ++c)
    for (int h = 0; h < info->height - margin; ++h, out += width)
      memcpy(out, picture + (c * info->height + margin / 2 + h) * info->width + margin / 2, width);
}

static limn_status read_held_out(limn_training_data *d, int margin) {
  const uint32_t *indices = d->validation_count ? d->validation : d->training;
  uint32_t few = d->training_count < 32 ? d->training_count : 32;
  size_t area = (size_t)d->info.height * (size_t)d->info.width, channels = (size_t)d->info.channels,
         cut = channels * (size_t)(d->info.height - margin) * (size_t)(d->info.width - margin);
  limn_status status = LIMN_OK;
  uint8_t *picture = malloc(channels * area);
  d->held_out_count = d->validation_count ? d->validation_count : few;
  d->held_out = malloc((size_t)d->held_out_count * cut);
  if (!picture || !d->held_out)
    status = limn_fail_memory("the held-out pictures");
  for (uint32_t i = 0; status == LIMN_OK && i < d->held_out_count; ++i) {
    status = limn_dataset_read(d->dataset, indices[i], picture);
    if (status == LIMN_OK)
      cut_middle(&d->info, margin, picture, d->held_out + (size_t)i * cut);
  }
  free(picture);
  return status;
}

/* What class_balanced wants of the data, before anything else is made of them. */
static limn_status check_classes(const limn_training_data *d, const char *named, const limn_data_watch *watch) {
  uint32_t unlabelled = 0;
  for (uint32_t i = 0; i < d->training_count; ++i)
    unlabelled += limn_dataset_label(d->dataset, d->training[i]) < 0;
  if (d->info.class_count == 0 || unlabelled == d->training_count)
    return limn_fail(
        LIMN_USAGE,
        "%s has no labels, so class_balanced has no classes to draw equally often: name them with --labels "
        "FILE, give each class a sub-folder, or leave class_balanced out",
        named);
  if (unlabelled && watch && watch->notice) {
    char text[160];
    snprintf(text, sizeof text, "%u of %u training pictures have no label; class_balanced never draws them", unlabelled,
             d->training_count);
    watch->notice(watch->context, text);
  }
  return LIMN_OK;
}

static limn_status open_data(limn_training_data *d, limn_config *config, const limn_picture_source *pictures,
                             const limn_data_watch *watch) {
  if (!pictures && (!config->data || !config->data[0]))
    return limn_fail(
        LIMN_USAGE,
        "no data is named; use --data PATH (a folder of pictures, an archive, or IDX, CIFAR or NumPy files)");
  const char *named = pictures ? "the caller's source" : config->data;
  const int crop = config->crop;
  limn_dataset_options options;
  limn_run_data_options(config, watch, &options);
  options.pictures = pictures;
  LIMN_TRY(limn_dataset_open(&d->dataset, config->data, &options));
  limn_dataset_get_info(d->dataset, &d->info);
  if (crop >= d->info.height || crop >= d->info.width)
    return limn_fail(LIMN_USAGE, "crop %d leaves nothing of pictures of %d x %d: set it lower, or give a --size", crop,
                     d->info.height, d->info.width);
  config->height = d->info.height - crop;
  config->width = d->info.width - crop;
  config->channels = d->info.channels;
  LIMN_TRY(limn_config_check(config)); /* what depends on the size */
  LIMN_TRY(limn_split(d->info.count, config->validation, config->seed, &d->training, &d->training_count, &d->validation,
                      &d->validation_count));
  if (config->class_balanced)
    LIMN_TRY(check_classes(d, named, watch));
  if (config->batch == 0)
    LIMN_TRY(limn_choose_batch(config, NULL, d->training_count));
  if ((uint32_t)config->batch > d->training_count)
    return limn_fail(LIMN_DATA,
                     "%s has %u picture%s of %dx%dx%d to train on, fewer than one batch of %d; use --batch %u%s", named,
                     d->training_count, d->training_count == 1 ? "" : "s", config->channels, config->height,
                     config->width, config->batch, d->training_count, d->training_count == 1 ? "" : " or fewer");
  return d->validation_count > 0 || limn_algorithm_of(config)->reconstructs ? read_held_out(d, crop) : LIMN_OK;
}

limn_status limn_training_data_open(limn_training_data *d, limn_config *config, const limn_picture_source *pictures,
                                    const limn_data_watch *watch) {
  *d = (limn_training_data){0};
  limn_status status = open_data(d, config, pictures, watch);
  if (status != LIMN_OK)
    limn_training_data_close(d);
  return status;
}

void limn_training_data_close(limn_training_data *d) {
  limn_dataset_close(d->dataset);
  free(d->training);
  free(d->validation);
  free(d->held_out);
  *d = (limn_training_data){0};
}

limn_status limn_training_data_load(const limn_training_data *d, const limn_config *config, uint64_t first_batch,
                                    limn_loader **out) {
  return limn_loader_create(out, d->dataset,
                            &(limn_loader_options){.indices = d->training,
                                                   .index_count = d->training_count,
                                                   .class_balanced = config->class_balanced,
                                                   .batch = config->batch,
                                                   .seed = config->seed,
                                                   .first_batch = first_batch,
                                                   .workers = config->workers});
}

static uint64_t steps_of_epochs(const limn_config *config, uint32_t training_count, int batches_per_step) {
  uint64_t steps = (uint64_t)ceil(config->epochs * training_count / ((double)config->batch * batches_per_step));
  return steps ? steps : 1;
}

limn_status limn_training_find_end(const limn_config *config, uint32_t training_count, int batches_per_step,
                                   limn_training_end *out) {
  char asked[64];
  /* A rate that does not fall to 0 stays at its end. */
  const bool ends = config->schedule != LIMN_SCHEDULE_CONSTANT && config->lr_end <= 0;
  uint64_t horizon = ends ? (uint64_t)config->horizon : 0;
  *out = (limn_training_end){(uint64_t)config->steps, "steps"};
  if (config->epochs > 0) {
    uint64_t by_epochs = steps_of_epochs(config, training_count, batches_per_step);
    if (!out->step || by_epochs < out->step)
      *out = (limn_training_end){by_epochs, "epochs"};
  }
  if (horizon && !out->step)
    *out = (limn_training_end){horizon, "horizon"};
  if (!horizon || out->step <= horizon)
    return LIMN_OK;
  return limn_fail(LIMN_USAGE,
                   "the schedule ends at step %" PRIu64 " (horizon), and by %s %s the run would go on to step %" PRIu64
                   " with a learning rate of 0: set horizon=%" PRIu64 " too, or %s lower",
                   horizon, out->limit, limn_config_get(config, out->limit, asked, sizeof asked), out->step, out->step,
                   out->limit);
}
