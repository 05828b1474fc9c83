#include "models/model.h"

#include <string.h>

#include "base/error.h"

limn_status limn_model_init(limn_model *model, const limn_config *config) {
  *model = (limn_model){.kind = (limn_model_kind)config->model,
                        .latent = config->latent,
                        .likelihood = (limn_likelihood)config->likelihood};
  int levels, base_height, base_width;
  LIMN_TRY(limn_trunk(config->height, config->width, &levels, &base_height, &base_width));
  if (model->kind == LIMN_MODEL_DCGAN)
    limn_dcgan_init(model, config, levels, base_height, base_width);
  else
    limn_vae_init(model, config, levels, base_height, base_width);
  return LIMN_OK;
}

const limn_network *limn_model_generator(const limn_model *model) {
  return &model->networks[model->kind == LIMN_MODEL_DCGAN ? 0 : 1];
}

limn_value limn_model_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  if (model->kind == LIMN_MODEL_DCGAN)
    return limn_graph_affine(graph, output, 0.5f, 0.5f);
  if (model->likelihood == LIMN_LIKELIHOOD_BERNOULLI)
    return limn_graph_unary(graph, LIMN_PW_SIGMOID, output, 0, 0);
  /* Clipped to [0, 1]: 1 - relu(1 - relu(x)). */
  limn_value below = limn_graph_unary(graph, LIMN_PW_RELU, output, 0, 0);
  limn_value above = limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_affine(graph, below, -1, 1), 0, 0);
  return limn_graph_affine(graph, above, -1, 1);
}

limn_status limn_model_visit(const limn_model *model, limn_parameter_visitor visitor, void *context) {
  for (int i = 0; i < 2; ++i)
    LIMN_TRY(limn_network_visit(&model->networks[i], visitor, context));
  if (model->kind != LIMN_MODEL_DCGAN && model->likelihood == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED)
    return visitor(context, "decoder.logvar", LIMN_ROLE_PARAMETER, LIMN_SCALAR, 0, 0);
  return LIMN_OK;
}
