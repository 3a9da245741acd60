/* placeholder */
extern int eg_edge_placeholder;
int eg_edge_placeholder;
