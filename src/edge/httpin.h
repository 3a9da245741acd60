/* httpin: requests on their way from evhttp to the gate. */
#ifndef EG_HTTPIN_H
#define EG_HTTPIN_H
#include "edge/guard.h"

/* The service of the gateway's own listeners: flow's gate. */
struct service httpin_service(struct gate *gate);

/* For evhttp_set_gencb, with the guards as argument: agrees to a request that evhttp read as the guard did. */
void httpin_on_request(struct evhttp_request *request, void *guards);
/* Every method that evhttp knows, for evhttp_set_allowed_methods: the guard has refused the others. */
unsigned short httpin_methods(void);
#endif
