/* Validity of guarantees as people write it: dates of China Standard Time for hours since the epoch, [from, to).
 *
 *   beginning  "2026-01-01" from its first hour     "2026-01-01T09" from 09:00
 *   end        "2026-12-31" through its last hour   "2026-12-31T18" until 18:00
 *
 * So a bond from 2026-01-01 to 2026-12-31 is valid on both days. Pure functions; any thread. */
#ifndef XINYI_CLI_WHEN_H
#define XINYI_CLI_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEN_NO_END UINT32_MAX

/* False if the text is neither a date nor a date with an hour, or lies before 1970 or beyond the year 9999. */
bool when_parse_hour(const char *text, size_t length, bool is_end, uint32_t *hour);

#define WHEN_TEXT 24
/* The inverse, as short as it can be: a date where the hour fits one. WHEN_NO_END gives "". Returns buffer. */
const char *when_format_hour(uint32_t hour, bool is_end, char buffer[WHEN_TEXT]);

/* "300" (seconds), "300s", "5m" or "5min", "1h30m", "1d", "500ms" → milliseconds, 1..UINT32_MAX (49 days). */
bool when_parse_duration(const char *text, uint32_t *ms);
/* The inverse: "1d", "1h30m", "500ms". Returns buffer. */
const char *when_format_duration(uint32_t ms, char buffer[WHEN_TEXT]);

#endif
