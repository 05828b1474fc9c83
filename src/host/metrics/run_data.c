#include "metrics/run_data.h"

#include <stdlib.h>

#include "base/error.h"
#include "data/loader.h"

void limn_run_data_options(const limn_config *config, const limn_data_watch *watch, limn_dataset_options *out) {
  *out = (limn_dataset_options){.height = config->height ? config->height + config->crop : 0,
                                .width = config->width ? config->width + config->crop : 0,
                                .channels = config->channels,
                                .workers = config->workers,
                                .fit = (limn_fit)config->fit,
                                .max_pixels = config->max_pixels,
                                .labels = config->labels,
                                .label_column = config->label_column,
                                .skip_broken = config->on_bad_image == LIMN_BAD_IMAGE_SKIP,
                                .cache = config->cache};
  if (watch) {
    out->notice = watch->notice;
    out->context = watch->context;
    out->stop = watch->stop;
  }
  limn_config_background(config, out->background);
}

limn_status limn_run_data_open(limn_run_data *d, const limn_config *config, const limn_data_watch *watch) {
  limn_dataset_options options;
  limn_dataset_info info;
  *d = (limn_run_data){0};
  limn_run_data_options(config, watch, &options);
  LIMN_TRY(limn_dataset_open(&d->dataset, config->data, &options));
  limn_dataset_get_info(d->dataset, &info);
  limn_status status = limn_split(info.count, config->validation, config->seed, &d->training, &d->training_count,
                                  &d->held_out, &d->held_out_count);
  if (status != LIMN_OK)
    limn_run_data_close(d);
  return status;
}

void limn_run_data_close(limn_run_data *d) {
  limn_dataset_close(d->dataset);
  free(d->training);
  free(d->held_out);
  *d = (limn_run_data){0};
}
