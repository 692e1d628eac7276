/* Logging: one line an event on stderr, written with one write(2) so that lines of threads never mix.
 *
 *   log_event(LOG_INFO, "ready", "listen=%s subjects=%zu", address, n);
 *   text:  2026-11-24T19:05:03.120+08:00 info  ready listen=127.0.0.1:7420 subjects=1000000
 *   json:  {"time":"…","level":"info","event":"ready","listen":"127.0.0.1:7420","subjects":1000000}
 *
 * A message is a list of pairs: key=word, key="some text", a space between them; keys are lower case. In JSON each is a
 * member, a number if it is written like one and has no quotes. A message that is no such list is the member `message`.
 *
 * Never pass a subject's number to it. Thread-safe; log_setup is called once, before threads start. */
#ifndef XINYI_BASE_LOG_H
#define XINYI_BASE_LOG_H

#include <stdbool.h>

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level;

void log_setup(log_level least, bool json);
void log_event(log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
