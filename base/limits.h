/* Every limit of the system, in one place, with their relations asserted. A number that bounds memory, a frame or a
 * loop belongs here and nowhere else. */
#ifndef XINYI_BASE_LIMITS_H
#define XINYI_BASE_LIMITS_H

#include <assert.h>

/* store */
#define LIMIT_SHARDS 256                   /* by the high byte of the hash; part of the disk format */
#define LIMIT_SUBJECTS_DEFAULT (96u << 20) /* address space reserved for profiles: 96 Mi x 64 B = 6 GiB, not memory */
#define LIMIT_ACCOUNTS_DEFAULT (8u << 20)
#define LIMIT_OPERATIONS_DEFAULT (256u << 20) /* operation ids remembered at once: address space, not memory */

/* protocol */
#define LIMIT_FRAME_MAX (1u << 20) /* bytes of one frame, header included */
#define LIMIT_ENTRIES_MAX 4096     /* entries of one frame */
#define LIMIT_IN_FLIGHT_MAX 1024   /* write requests of one connection that are not answered yet */
#define LIMIT_HELLO_OPTIONS 16
#define LIMIT_NAME_MAX 63 /* bytes of a cluster, member, policy, table, benefit or program name */

/* server */
#define LIMIT_CONNECTIONS_DEFAULT 10000
#define LIMIT_OUTPUT_MAX (4u << 20) /* unread reply bytes of a connection before it is closed */
#define LIMIT_BATCH 128             /* lookups of one prefetch pass */
#define LIMIT_THREADS_MAX 64

#define LIMIT_DRAFTS 2               /* uploaded policy sets of one connection; a third one takes the oldest's place */
#define LIMIT_DRAFT_BYTES (4u << 20) /* texts of one */
#define LIMIT_DRAFTS_BYTES (256u << 20) /* of all connections */
#define LIMIT_COMMAND_BYTES (64u << 10) /* one COMMAND */
#define LIMIT_COMMANDS 64               /* commands that wait, of all connections */
#define LIMIT_JOBS 8                    /* impact runs whose results are kept */

/* policy */
#define LIMIT_POLICY_FILE_BYTES (4u << 20)
#define LIMIT_POLICY_FILES 256
#define LIMIT_POLICY_ROWS 4095 /* rows of one table: decision.row has 12 bits for them, from 1 */
#define LIMIT_POLICY_COLUMNS 32
#define LIMIT_POLICY_TABLES 15 /* tables of one policy: decision.row has 4 bits for them, from 1 */
#define LIMIT_BENEFITS 64      /* benefits of one scenario: one bit each on the wire */
#define LIMIT_POLICY_EXAMPLES 1024
#define LIMIT_POLICY_ALTERNATIVES 256           /* values and ranges of one cell */
#define LIMIT_POLICY_PILOTS 64                  /* different pilots of one table */
#define LIMIT_POLICY_OPERATIONS 64              /* numbers, fields and operators of one expression */
#define LIMIT_POLICY_TEXT_BYTES 4096            /* one text of a policy file */
#define LIMIT_POLICY_DEPTH 16                   /* nesting of a policy file */
#define LIMIT_POLICY_KEYS 64                    /* keys of one mapping */
#define LIMIT_POLICY_NODES (1u << 19)           /* texts, lists and mappings of one policy file */
#define LIMIT_POLICY_COMPILED_BYTES (64u << 20) /* decision tables of one set */
#define LIMIT_POLICY_FINDINGS 500               /* findings of one load that are told; more are only counted */

/* credit: records, commitments, service, lists, sources */
#define LIMIT_DOSSIER_ITEMS 4096       /* items of one subject's dossier */
#define LIMIT_DOSSIER_USES 256         /* benefits used that it keeps: the newest */
#define LIMIT_DOSSIER_LISTINGS 128     /* listings of it: each is compared with every record that might end it */
#define LIMIT_DOSSIERS (64u << 20)     /* subjects with a dossier: address space, not memory */
#define LIMIT_SOURCES 255              /* sources of data, 1..255; 0 is the base */
#define LIMIT_RECORD_TYPES 1024        /* of the catalogue */
#define LIMIT_THRESHOLDS 32            /* of points */
#define LIMIT_LISTS 8                  /* red list, serious list, … */
#define LIMIT_MATTERS 1024             /* matters for which commitments are taken */
#define LIMIT_AREAS 1024               /* named parks and communities */
#define LIMIT_AREA_SUBJECTS (1u << 18) /* subjects named one by one, in all areas */
#define LIMIT_CALENDAR_DAYS 4096       /* holidays and shifted working days */
#define LIMIT_EVALUATION_INPUTS 32     /* of one scorecard */
#define LIMIT_EVALUATION_ROWS 20       /* adjustments, caps and `instead` rows of one scorecard, of each kind */
#define LIMIT_EVALUATION_CARDS 16      /* scorecards of an evaluation */

/* impact of a candidate policy: what is kept of records that are overwritten meanwhile, 80 and 400 bytes each */
#define LIMIT_IMPACT_CHANGES (4u << 20)
#define LIMIT_IMPACT_ACCOUNT_CHANGES (1u << 19)
#define LIMIT_IMPACT_SAMPLES 100 /* for each benefit gained or lost */

/* ledger */
#define LIMIT_INSTRUMENTS 8                        /* instruments of one account */
#define LIMIT_AMOUNT_FEN INT64_C(1000000000000000) /* 10 trillion yuan in fen: sums of 8 instruments stay in int64 */
#define LIMIT_ENERGY_MWH INT64_C(1000000000000)    /* 1e12 MWh x 5,000 fen stays in int64 */
#define LIMIT_ALERTS (1u << 20)                    /* open at once: 96 bytes each; beyond it the oldest gives way */

/* persistence */
#define LIMIT_GROUP_BYTES (8u << 20)  /* encoded size at which a commit group is closed */
#define LIMIT_RECORD_BYTES (4u << 20) /* one record's value */
#define LIMIT_KEY_BYTES 64

static_assert(LIMIT_RECORD_BYTES < LIMIT_GROUP_BYTES, "a record fits into a group");
static_assert(LIMIT_DRAFT_BYTES <= LIMIT_RECORD_BYTES, "what can be uploaded can be stored, but for its names");
static_assert(LIMIT_POLICY_ROWS < 1 << 12 && LIMIT_POLICY_TABLES < 1 << 4, "a row's number fits decision.row");
static_assert(LIMIT_ENTRIES_MAX * 160 + 32 <= LIMIT_FRAME_MAX, "a full batch of the largest write entry fits a frame");

#endif
