/* The commands: one file each, named after it. argv[0] is the command's name; the exit code is returned. Every command
 * knows --help. */
#ifndef LIMN_CLI_COMMANDS_H
#define LIMN_CLI_COMMANDS_H

int cmd_train(int argc, char **argv);
int cmd_sample(int argc, char **argv);
int cmd_interpolate(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_plan(int argc, char **argv);

#endif
