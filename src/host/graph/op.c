#include "graph/op.h"

#define RANGE(least, most) least, most
#define NONE               0, 0

static const limn_op_row rows[LIMN_OP_COUNT] = {
    /* name, inputs, targets, shape, gradient, schedule, step */
    [LIMN_OP_LEAF] = {.name = "leaf"},
    [LIMN_OP_FILL] = {"fill", NONE, NONE, NULL, NULL, limn_schedule_pointwise, LIMN_STEP_POINTWISE},
    [LIMN_OP_PICTURES] = {"pictures", RANGE(1, 1), NONE, limn_pictures_shape, NULL, limn_schedule_value,
                          LIMN_STEP_PICTURES},
    [LIMN_OP_CONV] = {"conv", RANGE(2, 3), NONE, limn_conv_shape, limn_conv_gradient, limn_schedule_conv,
                      LIMN_STEP_CONV},
    [LIMN_OP_CONV_DX] = {"conv_dx", RANGE(2, 3), NONE, limn_conv_shape, limn_conv_gradient, limn_schedule_conv,
                         LIMN_STEP_CONV_DX},
    [LIMN_OP_CONV_DW] = {"conv_dw", RANGE(2, 2), NONE, limn_conv_shape, limn_conv_gradient, limn_schedule_conv,
                         LIMN_STEP_CONV_DW},
    [LIMN_OP_STACK] = {"stack", RANGE(2, 2), NONE, limn_stack_shape, limn_stack_gradient, limn_schedule_value,
                       LIMN_STEP_STACK},
    [LIMN_OP_ROWS] = {"rows", RANGE(1, 1), NONE, limn_rows_shape, limn_rows_gradient, limn_schedule_value,
                      LIMN_STEP_ROWS},
    [LIMN_OP_BATCHNORM] = {"batchnorm", RANGE(3, 3), NONE, limn_batchnorm_shape, limn_batchnorm_gradient,
                           limn_schedule_batchnorm, LIMN_STEP_BATCHNORM},
    [LIMN_OP_BATCHNORM_BACKWARD] = {"batchnorm_backward", RANGE(3, 3), NONE, limn_batchnorm_backward_shape,
                                    limn_batchnorm_backward_gradient, limn_schedule_batchnorm_backward,
                                    LIMN_STEP_BATCHNORM_BACKWARD},
    [LIMN_OP_BATCHNORM_DGAMMA] = {"batchnorm_dgamma", RANGE(2, 2), NONE, limn_batchnorm_dgamma_shape,
                                  limn_batchnorm_dgamma_gradient, limn_schedule_batchnorm_backward,
                                  LIMN_STEP_BATCHNORM_BACKWARD},
    [LIMN_OP_UPDATE_RUNNING] = {"update_running", RANGE(1, 2), RANGE(2, 2), limn_running_shape, NULL,
                                limn_schedule_running, LIMN_STEP_UPDATE_RUNNING},
    [LIMN_OP_POINTWISE] = {"pointwise", RANGE(1, 2), NONE, limn_pointwise_shape, limn_pointwise_gradient,
                           limn_schedule_pointwise, LIMN_STEP_POINTWISE},
    [LIMN_OP_SUM] = {"sum", RANGE(1, 1), NONE, limn_sum_shape, limn_sum_gradient, limn_schedule_pointwise,
                     LIMN_STEP_POINTWISE},
    [LIMN_OP_LOG_SUM_EXP] = {"log_sum_exp", RANGE(1, 1), NONE, limn_log_sum_exp_shape, limn_log_sum_exp_gradient,
                             limn_schedule_value, LIMN_STEP_LOG_SUM_EXP},
    [LIMN_OP_NORMAL] = {"normal", NONE, NONE, NULL, NULL, limn_schedule_value, LIMN_STEP_RANDOM},
    [LIMN_OP_UNIFORM] = {"uniform", NONE, NONE, NULL, NULL, limn_schedule_value, LIMN_STEP_RANDOM},
    [LIMN_OP_ASSIGN] = {"assign", RANGE(1, 1), RANGE(1, 1), limn_assign_shape, NULL, limn_schedule_update,
                        LIMN_STEP_ASSIGN},
    [LIMN_OP_SGD] = {"sgd", RANGE(2, 4), RANGE(1, 2), limn_optimizer_shape, NULL, limn_schedule_update,
                     LIMN_STEP_OPTIMIZER},
    [LIMN_OP_ADAM] = {"adam", RANGE(2, 4), RANGE(3, 3), limn_optimizer_shape, NULL, limn_schedule_update,
                      LIMN_STEP_OPTIMIZER},
    [LIMN_OP_LATCH] = {"latch", RANGE(1, 1), RANGE(1, 1), limn_latch_shape, NULL, limn_schedule_update,
                       LIMN_STEP_LATCH},
    [LIMN_OP_RECORD] = {"record", RANGE(1, 1), RANGE(1, 1), limn_record_shape, NULL, limn_schedule_update,
                        LIMN_STEP_RECORD},
};

const limn_op_row *limn_op_row_of(limn_op op) { return &rows[op]; }
