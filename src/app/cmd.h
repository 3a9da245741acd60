/*
 * The subcommands of easgate, one file each (cmd_NAME.c). argv[0] is "easgate NAME", its arguments follow.
 * Each returns the exit code: 0 fine, 1 a finding, 2 usage or configuration.
 */
#ifndef EG_CMD_H
#define EG_CMD_H

int cmd_audit(int argc, char **argv);
int cmd_audit_init(int argc, char **argv); /* of `easgate audit init` */
int cmd_budget(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_healthcheck(int argc, char **argv);
int cmd_learn(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_token(int argc, char **argv);
#endif
