/*
 * admin: the pages for operators, without a token, on listeners of their own: /healthz (200 while the loop runs), /readyz
 * (200, or 503 with the reasons), /metrics (Prometheus text), /budget (JSON: what the teams have, reserve and may have).
 */
#ifndef EG_ADMIN_H
#define EG_ADMIN_H
#include "edge/guard.h"

struct admin;

struct admin *admin_new(struct gate *gate); /* NULL without memory; the gate outlives it */
void admin_free(struct admin **a);
struct service admin_service(struct admin *a);
#endif
