/* What limn evaluate says. */
#ifndef LIMN_CLI_EVALUATE_PRINT_H
#define LIMN_CLI_EVALUATE_PRINT_H

#include "limn/evaluate.h"
#include "report/report.h"

void cli_say_evaluation(limn_report *report, const limn_evaluation *evaluation, const limn_evaluate_options *options);

#endif
