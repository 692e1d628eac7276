/* Alerts for people, one line each, and as JSON. Which of them are wanted. */
#ifndef XINYI_CLI_ALERT_VIEW_H
#define XINYI_CLI_ALERT_VIEW_H

#include "client/cli/cli.h"

/* "2026-11-24 18:30:05  #12  usage 82%  uscc:…  used ¥8,200,000.00 of ¥10,000,000.00, …": when (China time), number,
 * what, about whom, the amounts, and what to do by when. Appends to *to, without a newline. */
void alert_view_line(const cli *c, const xinyi_alert *a, buf *to);
/* One object. */
void alert_view_json(jout *j, const xinyi_alert *a);
/* The same to stdout: a line or an object, ready to be read at once. False: it cannot be written (errno). */
bool alert_view_print(cli *c, const xinyi_alert *a);

typedef struct alert_filter {
    uint32_t kinds;   /* bit by kind; 0 all */
    unsigned program; /* 0 all */
} alert_filter;
/* `kinds`: names with commas between; `program`: a name, for which the server may be asked; NULL all. 0 or an
 * exit code after a message. */
int alert_filter_parse(cli *c, const char *kinds, const char *program, alert_filter *out);
bool alert_filter_passes(const alert_filter *f, const xinyi_alert *a);

#endif
