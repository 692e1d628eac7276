/* Alerts on their way to people (PROTOCOL.md 4.8): a board with a copy of the open alerts, which workers and commands
 * may read, and the connections that follow it.
 *
 * The engine's own container belongs to the commit thread. After every group that was published the commit thread
 * brings the board up to date; when nothing changed that is two comparisons. New alerts wake the workers that have
 * followers.
 *
 * A connection that follows gets, in the order of numbers, every alert that is open and every one that comes, as
 * replies with the request id of its WATCH. More is sent only once the socket has taken what was sent before: somebody
 * who does not read costs one frame, and holds up nobody.
 *
 * Threads: watch_publish and watch_leaving belong to the commit thread (or to the start, before there is one),
 * watch_read, watch_count and watch_newest to anybody, the rest to the connection's worker. */
#ifndef XINYI_SERVER_WATCH_H
#define XINYI_SERVER_WATCH_H

#include "server/connection.h"

#define WATCH_FRAME_ENTRIES 256 /* alerts of one frame that is sent to a follower */

/* init makes s->watch; deinit frees it. */
status watch_init(server *s) MUST_CHECK;
void watch_deinit(server *s);

/* Takes over what the engine has published. Without memory the board stays behind, says so in the log once, and tries
 * again after the next group. */
void watch_publish(server *s);
void watch_take(server *s, const alerts *open); /* the same, of any container */
/* This alert is acknowledged in the group that is about to be published: saves watch_publish copying everything anew to
 * find out which it was. Only a hint; what gives way because too many are open needs none. */
void watch_leaving(server *s, uint64_t number);

/* Copies up to max open alerts with numbers above *after to `out` (sizeof(alert) bytes each, any alignment); *after
 * becomes the number behind which to go on. Returns how many. */
size_t watch_read(const server *s, uint64_t *after, uint8_t *out, size_t max);
size_t watch_count(const server *s);     /* open ones */
uint64_t watch_newest(const server *s);  /* the highest number ever given; 0 none */
uint64_t watch_dropped(const server *s); /* how many gave way because too many were open */

/* The message WATCH. */
void watch_handle(connection *c, const frame_view *f);
/* At the end of a turn on a connection, with nothing in the worker's output: sends what there is, if it follows and the
 * socket has taken everything. May mark it closing, never frees it. */
void watch_push(connection *c);
/* The connection follows no longer. */
void watch_forget(connection *c);
/* New alerts: looks at all followers of the worker. */
void watch_push_all(worker *w);

#endif
