/* placeholder */
extern int eg_core_placeholder;
int eg_core_placeholder;
