#include "models/model.h"

#include "base/error.h"

limn_status limn_model_init(limn_model *model, const limn_config *config) {
  *model = (limn_model){
      .row = limn_model_row_of(config), .latent = config->latent, .likelihood = (limn_likelihood)config->likelihood};
  int levels, base_height, base_width;
  LIMN_TRY(limn_trunk(config->height, config->width, &levels, &base_height, &base_width));
  model->row->init(model, config, levels, base_height, base_width);
  for (int i = 0; i < 2; ++i)
    model->networks[i].name = model->row->networks[i];
  return LIMN_OK;
}

const limn_network *limn_model_generator(const limn_model *model) { return &model->networks[model->row->generator]; }

limn_value limn_model_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  return model->row->pixels(graph, model, output);
}

limn_status limn_model_visit(const limn_model *model, limn_parameter_visitor visitor, void *context) {
  for (int i = 0; i < 2; ++i)
    LIMN_TRY(limn_network_visit(&model->networks[i], visitor, context));
  if (model->likelihood == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED)
    return visitor(context, "decoder.logvar", LIMN_ROLE_PARAMETER, LIMN_SCALAR, 0, 0);
  return LIMN_OK;
}
