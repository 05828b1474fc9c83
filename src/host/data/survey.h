/* A look at every picture of a source: what it is, what a run would make of it, and which are the same. */
#ifndef LIMN_DATA_SURVEY_H
#define LIMN_DATA_SURVEY_H

#include <pthread.h>

#include "data/decode.h"
#include "data/duplicates.h"

typedef struct limn_survey {
  limn_data_source *source;
  limn_dataset_options options;
  limn_decoder decoder;       /* the run's; its shape is set between probe and read */
  limn_picture_shape *shapes; /* (count) */
  bool *usable;               /* (count) */
  char **faults;              /* (count), why a picture is not usable; NULL */
  limn_sketch *sketches;      /* (count) */
  uint32_t usable_count;
  pthread_mutex_t lock;         /* over what follows */
  uint64_t sums[3], squares[3]; /* of the rows, by channel */
  limn_other_files other_files; /* that only a look into them has shown to be no pictures */
  bool has_lock;
  limn_progress progress;
} limn_survey;

/* Of options, skip_broken, cache and stop count for nothing. Release the survey on failure too. */
limn_status limn_survey_init(limn_survey *survey, const char *path, const limn_dataset_options *options);
void limn_survey_release(limn_survey *survey);
/* Sizes and channels, without decoding. */
limn_status limn_survey_probe(limn_survey *survey);
/* Decodes all: faults, sketches, sums of what the decoder makes. */
limn_status limn_survey_read(limn_survey *survey);
/* Up to `count` usable pictures, evenly spread, as the run sees them, in a grid. */
limn_status limn_survey_sheet(const limn_survey *survey, uint32_t count, limn_image *out);

#endif
