/* The pictures of a run, as its training has them: which files, what becomes of them, which part is held out. */
#ifndef LIMN_METRICS_RUN_DATA_H
#define LIMN_METRICS_RUN_DATA_H

#include "config/config.h"
#include "data/dataset.h"

/* Of opening, which may take a while; as in limn_dataset_options. */
typedef struct limn_data_watch {
  void (*notice)(void *context, const char *text);
  void *context;
  const volatile sig_atomic_t *stop;
} limn_data_watch;

/* How a run with this config opens its data. watch may be NULL; texts are borrowed from the config. */
void limn_run_data_options(const limn_config *config, const limn_data_watch *watch, limn_dataset_options *out);

typedef struct limn_run_data {
  limn_dataset *dataset;
  uint32_t *training, *held_out; /* numbers in the data set; held out: as the setting `validation` says */
  uint32_t training_count, held_out_count;
} limn_run_data;

/* Opens what the config names, whose size and channels are known. */
limn_status limn_run_data_open(limn_run_data *data, const limn_config *config, const limn_data_watch *watch);
void limn_run_data_close(limn_run_data *data);

#endif
