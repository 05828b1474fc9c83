/* The data of a run: opened, its size and channels written into the config, divided into training and held-out parts.
 */
#ifndef LIMN_TRAIN_TRAINING_DATA_H
#define LIMN_TRAIN_TRAINING_DATA_H

#include "config/config.h"
#include "data/loader.h"
#include "metrics/run_data.h"

typedef struct limn_training_data {
  limn_dataset *dataset;
  limn_dataset_info info;
  uint32_t *training, *validation; /* indices */
  uint32_t training_count, validation_count;
  /* (held_out_count, C, H, W), the middle of each picture: the validation part, or for drawings alone a few training
   * pictures. */
  uint8_t *held_out;
  uint32_t held_out_count;
} limn_training_data;

/* Opens `pictures` or, where that is NULL, what config->data names, `crop` pixels larger than the config's size, and
 * resolves that and the channels in the config. watch may be NULL. */
limn_status limn_training_data_open(limn_training_data *data, limn_config *config, const limn_picture_source *pictures,
                                    const limn_data_watch *watch);
void limn_training_data_close(limn_training_data *data);
limn_status limn_training_data_load(const limn_training_data *data, const limn_config *config, uint64_t first_batch,
                                    limn_loader **out);

/* Where a run ends. */
typedef struct limn_training_end {
  uint64_t step;     /* 0: by time alone */
  const char *limit; /* the setting that ends it there: "steps", "epochs" or, by time, the schedule's "horizon" */
} limn_training_end;

/* By steps or epochs, whichever is reached first. LIMN_USAGE where that is behind the end of a schedule that falls to
 * 0, since all steps from there on would change nothing. */
limn_status limn_training_find_end(const limn_config *config, uint32_t training_count, int batches_per_step,
                                   limn_training_end *out);

#endif
