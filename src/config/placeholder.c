/* placeholder */
extern int eg_config_placeholder;
int eg_config_placeholder;
