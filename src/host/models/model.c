#include "models/model.h"

#include "base/error.h"
#include "models/pretrained_encoder.h"
#include "models/projected.h"

limn_status limn_model_init(limn_model *model, const limn_config *config) {
  *model = (limn_model){.row = limn_model_row_of(config), .config = config};
  LIMN_TRY(limn_trunk_find(&model->trunk, config->height, config->width));
  LIMN_TRY(limn_projector_check(config));
  return limn_pretrained_encoder_check(config);
}

limn_status limn_model_pretrained_part(const limn_config *config, limn_feature_part *part) {
  *part = (limn_feature_part){.network = NULL};
  if (limn_config_has_projector(config))
    return limn_projector_part(config, part);
  return limn_config_has_pretrained_encoder(config) ? limn_pretrained_encoder_part(config, part) : LIMN_OK;
}

limn_shape limn_model_input(const limn_model *model, int index, int count) {
  const limn_config *c = model->config;
  return model->row->networks[index].reads_codes ? (limn_shape){count, c->latent, 1, 1}
                                                 : (limn_shape){count, c->channels * c->pack, c->height, c->width};
}

limn_scope limn_model_scope(limn_graph *graph, const limn_model *model, int index, limn_network_mode mode) {
  return (limn_scope){.graph = graph, .network = model->row->networks[index].name, .mode = mode};
}

limn_value limn_model_apply(limn_graph *graph, const limn_model *model, int index, limn_value x,
                            limn_network_mode mode) {
  limn_scope scope = limn_model_scope(graph, model, index, mode);
  return model->row->networks[index].build(&scope, model, x);
}

limn_value limn_model_generate(limn_graph *graph, const limn_model *model, limn_value codes, limn_network_mode mode) {
  return limn_model_apply(graph, model, model->row->generator, codes, mode);
}

bool limn_model_draws(const limn_model *model) {
  return model->row->draws || model->config->regularizer == LIMN_REGULARIZER_MMD;
}

limn_value limn_model_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  return model->row->pixels(graph, model, output);
}
