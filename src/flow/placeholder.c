/* placeholder */
extern int eg_flow_placeholder;
int eg_flow_placeholder;
