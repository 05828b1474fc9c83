#include "metrics/modes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/classifier.h"

#define STACKED_PICTURES 26000 /* of PacGAN's numbers */
#define PLANES           LIMN_STACKED_PLANES

typedef struct modes {
  const limn_measured *m;
  limn_classifier classifier;
  limn_labelled_pictures labelled; /* the data's; none where a classifier from a file names them */
  uint32_t *named;                 /* (pictures) */
  int count;                       /* of modes */
  double *pictures, *data;         /* (count): how many */
} modes;

static void release(modes *s) {
  limn_classifier_release(&s->classifier);
  limn_labelled_pictures_release(&s->labelled);
  free(s->named);
  free(s->pictures);
  free(s->data);
}

void limn_class_balance_of(limn_class_balance *out, const double *pictures, const double *data, int classes) {
  double all_pictures = 0, all_data = 0;
  *out = (limn_class_balance){0};
  for (int i = 0; i < classes; ++i) {
    all_pictures += pictures[i];
    all_data += data[i];
  }
  for (int i = 0; i < classes; ++i) {
    const double p = pictures[i] / all_pictures, q = data[i] / all_data;
    out->all += q > 0;
    out->found += q > 0 && p > 0;
    if (p > 0) {
      out->kl += p * log(p / q);
      out->pictures_entropy -= p * log(p);
    }
    if (q > 0)
      out->data_entropy -= q * log(q);
  }
}

/* --- the classifier --- */

static bool has_labels(const limn_picture_set *set) {
  limn_picture_set_info info;
  limn_picture_set_get_info(set, &info);
  return info.class_count > 0;
}

static limn_status read_classifier(modes *s, const char *judge) {
  const limn_evaluate_options *o = s->m->options;
  LIMN_TRY(limn_classifier_read(&s->classifier, o->classifier, judge));
  if (s->classifier.fit.model.width != s->m->pictures.width)
    return limn_fail(LIMN_DATA, "%s: %d numbers a picture, and this judge has %d", o->classifier,
                     s->classifier.fit.model.width, s->m->pictures.width);
  if (o->stacked && s->classifier.classes.count > LIMN_STACKED_LABELS)
    return limn_fail(LIMN_USAGE, "%s knows %d classes, and what is stacked has 10 at most: name a classifier of digits",
                     o->classifier, s->classifier.classes.count);
  if (o->stacked || !has_labels(s->m->sets->data))
    return LIMN_OK;
  LIMN_TRY(limn_labelled_pictures_init(&s->labelled, s->m->sets->data, "the data"));
  return limn_labelled_pictures_renumber(&s->labelled, &s->classifier.classes, "the data");
}

static limn_status learn_classifier(modes *s) {
  LIMN_TRY(limn_labelled_pictures_init(&s->labelled, s->m->sets->data, "the data"));
  return limn_classifier_learn(&s->classifier, &s->m->algebra, &s->labelled, &s->m->data, s->m->options->seed);
}

static limn_status make_classifier(modes *s) {
  const limn_evaluate_options *o = s->m->options;
  char judge[LIMN_JUDGE_IDENTITY_SIZE];
  limn_judge_identity(s->m->judge, judge, sizeof judge);
  LIMN_TRY(o->classifier ? read_classifier(s, judge) : learn_classifier(s));
  return o->save_classifier ? limn_classifier_write(&s->classifier, o->save_classifier, judge) : LIMN_OK;
}

/* --- counting --- */

static limn_status make_counts(modes *s, int count) {
  s->count = count;
  s->pictures = calloc((size_t)count, sizeof *s->pictures);
  s->data = calloc((size_t)count, sizeof *s->data);
  return s->pictures && s->data ? LIMN_OK : limn_fail_memory("modes");
}

static limn_status name_pictures(modes *s, const limn_feature_set *set) {
  free(s->named);
  s->named = malloc((size_t)set->count * sizeof *s->named);
  if (!s->named)
    return limn_fail_memory("classes of pictures");
  return limn_linear_model_predict(&s->classifier.fit.model, &s->m->algebra, set, s->named);
}

static limn_status count_classes(modes *s) {
  LIMN_TRY(make_counts(s, s->classifier.classes.count));
  for (uint32_t i = 0; i < s->labelled.count; ++i)
    s->data[s->labelled.labels[i]] += 1;
  if (s->labelled.count == 0) {
    LIMN_TRY(name_pictures(s, &s->m->data));
    for (uint32_t i = 0; i < s->m->data.count; ++i)
      s->data[s->named[i]] += 1;
  }
  LIMN_TRY(name_pictures(s, &s->m->pictures));
  for (uint32_t i = 0; i < s->m->pictures.count; ++i)
    s->pictures[s->named[i]] += 1;
  return LIMN_OK;
}

/* The three classes of a mode of stacked pictures. */
static void part(const modes *s, int mode, int classes[PLANES]) {
  for (int k = PLANES - 1; k >= 0; --k, mode /= s->classifier.classes.count)
    classes[k] = mode % s->classifier.classes.count;
}

/* Against all triples of classes that there are, each as often as any other. */
static limn_status count_triples(modes *s) {
  const int classes = s->classifier.classes.count;
  LIMN_TRY(make_counts(s, classes * classes * classes));
  for (int i = 0; i < s->count; ++i) {
    int of[PLANES];
    part(s, i, of);
    s->data[i] = 1;
    for (int k = 0; k < PLANES; ++k)
      if (!limn_classifier_knows(&s->classifier, of[k]))
        s->data[i] = 0;
  }
  LIMN_TRY(name_pictures(s, &s->m->pictures));
  for (uint32_t i = 0; i + PLANES <= s->m->pictures.count; i += PLANES) {
    const uint32_t *named = s->named + i;
    s->pictures[((int)named[0] * classes + (int)named[1]) * classes + (int)named[2]] += 1;
  }
  return LIMN_OK;
}

/* --- telling --- */

static limn_score *add(limn_evaluation *out, const char *name, int better, double value) {
  limn_score *score = limn_evaluation_add(out, "modes", better, value);
  if (score)
    snprintf(score->name, sizeof score->name, "%s", name);
  return score;
}

#define ADD(out_, name_, better_, value_, ...)                                                                         \
  do {                                                                                                                 \
    limn_score *score_ = add(out_, name_, better_, value_);                                                            \
    if (!score_)                                                                                                       \
      return limn_fail_memory("scores");                                                                               \
    snprintf(score_->protocol, sizeof score_->protocol, __VA_ARGS__);                                                  \
  } while (0)

static limn_status tell_classifier(const modes *s, limn_evaluation *out) {
  const limn_class_fit *fit = &s->classifier.fit;
  ADD(out, "classifier accuracy", 0, fit->accuracy,
      "by cross-validation over %u of its %u pictures, C %g, std. error%s", fit->validated, fit->learned, fit->c,
      s->m->options->classifier ? "; of its file" : "");
  out->scores[out->score_count - 1].deviation = limn_share_error(fit->accuracy, fit->validated);
  const double right = s->m->options->stacked ? pow(fit->accuracy, PLANES) : fit->accuracy;
  if (right >= 0.95)
    return LIMN_OK;
  return limn_evaluation_note(
      out,
      "the classifier is wrong about %.1f %% of %s: a class that few pictures are of may be its "
      "mistake",
      100 * (1 - right), s->m->options->stacked ? "triples" : "the data's own pictures");
}

static limn_status tell_classes(const modes *s, limn_evaluation *out) {
  limn_class_balance b;
  limn_class_balance_of(&b, s->pictures, s->data, s->count);
  ADD(out, "classes found", 1, b.found, "of %d that the data have", b.all);
  ADD(out, "KL to the data's classes", -1, b.kl, "nats, KL(pictures || data), by %s",
      s->labelled.count ? "the data's labels" : "the classifier's names for both");
  ADD(out, "class entropy", 0, b.pictures_entropy, "nats; the data's is %.4f", b.data_entropy);
  return tell_classifier(s, out);
}

static limn_status tell_triples(const modes *s, limn_evaluation *out) {
  limn_class_balance b;
  const uint32_t count = s->m->pictures.count / PLANES;
  limn_class_balance_of(&b, s->pictures, s->data, s->count);
  ADD(out, "modes found", 1, b.found, "of %d triples, by PacGAN's protocol (Lin et al. 2018), %u pictures", b.all,
      count);
  ADD(out, "KL to uniform", -1, b.kl, "nats, KL(pictures || all %d equally)", b.all);
  LIMN_TRY(tell_classifier(s, out));
  if (count == STACKED_PICTURES)
    return LIMN_OK;
  return limn_evaluation_note(out,
                              "papers count the modes of %d pictures: fewer find fewer, and their KL is larger; leave "
                              "--number out",
                              STACKED_PICTURES);
}

static limn_status name_share(const modes *s, int index, char **out) {
  char text[1024];
  char **names = s->classifier.classes.items;
  int of[PLANES];
  snprintf(text, sizeof text, "%s", s->m->options->stacked ? "" : names[index]);
  if (s->m->options->stacked) {
    part(s, index, of);
    snprintf(text, sizeof text, "%s-%s-%s", names[of[0]], names[of[1]], names[of[2]]);
  }
  *out = strdup(text);
  return *out ? LIMN_OK : limn_fail_memory("shares of classes");
}

/* Of all that the pictures or the data have. */
static limn_status list_shares(const modes *s, limn_evaluation *out) {
  double pictures = 0, data = 0;
  for (int i = 0; i < s->count; ++i) {
    pictures += s->pictures[i];
    data += s->data[i];
  }
  out->classes = calloc((size_t)s->count, sizeof *out->classes);
  if (!out->classes)
    return limn_fail_memory("shares of classes");
  for (int i = 0; i < s->count; ++i) {
    if (s->pictures[i] == 0 && s->data[i] == 0)
      continue;
    limn_class_share *share = &out->classes[out->class_count];
    LIMN_TRY(name_share(s, i, &share->name));
    share->pictures = s->pictures[i] / pictures;
    share->data = s->data[i] / data;
    ++out->class_count;
  }
  return LIMN_OK;
}

limn_status limn_take_modes(const limn_measured *m, limn_evaluation *out) {
  modes s = {.m = m};
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, make_classifier(&s));
  LIMN_TRY_OR_CLEANUP(status, m->options->stacked ? count_triples(&s) : count_classes(&s));
  LIMN_TRY_OR_CLEANUP(status, m->options->stacked ? tell_triples(&s, out) : tell_classes(&s, out));
  LIMN_TRY_OR_CLEANUP(status, list_shares(&s, out));
cleanup:
  release(&s);
  return status;
}
