/* The help of each quota action: "xinyi help quota ACTION", "xinyi quota ACTION --help". */
#include "client/cli/cmd_quota.h"

#include <string.h>

#define AMOUNT                                                                                                         \
    "  --amount YUAN       1000000, 1,000,000.00, 100万, 1.5亿; exact to the fen\n"                                  \
    "  --amount-fen FEN    the same in fen\n"
#define OPERATION                                                                                                      \
    "  --operation ID      32 hex digits; repeats an operation safely: the same id and content give the first\n"       \
    "                      answer again, a refusal too (without it a new id is made and printed)\n"
#define PROGRAM "  --program NAME      the guarantee program, as the policies name it, or its number (power)\n"
#define PURPOSE "  --purpose NAME      what the query is for (power_trading); xinyi help evaluate lists purposes\n"

static const struct {
    const char *action, *text;
} texts[] = {
    {"show",
     "usage: xinyi quota show ID...\n"
     "\n"
     "Where accounts stand: required and lodged guarantee, limit, exposure, energy, whether they are frozen, by when\n"
     "they have to be topped up, and their instruments with amount and validity. Without --program all accounts of a\n"
     "subject. --json: a line an account; instruments have from_ms and to_ms (to_ms: no longer valid from then on;\n"
     "null without end) and state valid, ended or not_yet.\n"
     "  --program NAME      only this guarantee program, as the policies name it, or its number\n" PURPOSE "\n"
     "  xinyi quota show uscc:91530000MA00TTT099\n"
     "  xinyi quota show uscc:91530000MA00TTT099 --json | jq '.instruments[] | select(.state == \"valid\")'\n"},
    {"check", "usage: xinyi quota check ID --amount YUAN\n"
              "\n"
              "Whether new exposure of this amount would be admitted now; if not, every reason. Changes nothing and\n"
              "promises nothing; exit status 1 if it does not fit.\n" AMOUNT PROGRAM PURPOSE "\n"
              "  xinyi quota check uscc:91530000MA00TTT099 --amount 100万\n"},
    {"reserve",
     "usage: xinyi quota reserve ID --amount YUAN [--ttl 300s]\n"
     "\n"
     "Sets an amount of the quota aside until it is committed, released or its time is over. The id of the operation\n"
     "is the reservation's: commit and release name it.\n" AMOUNT
     "  --ttl DURATION      how long it is kept: 300 or 300s, 90s, 5min or 5m, 1h30m, 1d, 500ms (the policy's own; "
     "the\n"
     "                      policy says the most)\n" OPERATION PROGRAM "\n"
     "  xinyi quota reserve uscc:91530000MA00TTT099 --amount 100万 --ttl 10m\n"},
    {"commit",
     "usage: xinyi quota commit [ID] --reservation OPERATION [--amount YUAN]\n"
     "\n"
     "Turns a reservation into committed exposure: all of it, or --amount. The reservation is over then: what is not\n"
     "committed is released. The subject may be left out.\n"
     "  --reservation ID    the operation id of the reserve; may stand without the option, too\n" AMOUNT OPERATION
         PROGRAM "\n"
     "  xinyi quota commit --reservation 019b4f3ac1d07d0c8f6e2b51a4c39e77\n"
     "  xinyi quota commit --reservation 019b4f3ac1d07d0c8f6e2b51a4c39e77 --amount 40万    the rest is released\n"},
    {"release",
     "usage: xinyi quota release [ID] --reservation OPERATION\n"
     "\n"
     "Gives a reservation back, all of it. The subject may be left out.\n"
     "  --reservation ID    the operation id of the reserve; may stand without the option, too\n" OPERATION PROGRAM "\n"
     "  xinyi quota release 019b4f3ac1d07d0c8f6e2b51a4c39e77\n"},
    {"settle",
     "usage: xinyi quota settle ID --amount YUAN\n"
     "\n"
     "Takes settled trades out of the committed exposure; at most what is committed.\n" AMOUNT OPERATION PROGRAM "\n"
     "  xinyi quota settle uscc:91530000MA00TTT099 --amount 25万\n"},
    {"pledge",
     "usage: xinyi quota pledge ID --instrument N --kind KIND --amount YUAN [--from DATE] [--to DATE]\n"
     "\n"
     "Lodges a guarantee. An account holds 8 of them; a number that is in use is refused: withdraw it first.\n"
     "  --instrument N      its number in this account, from 1; xinyi import uses 1 for the deposit, 2 for the bond\n"
     "  --kind KIND         deposit, bond or group_guarantee\n" AMOUNT
     "  --from DATE         valid from the first hour of a day, or from an hour: 2026-01-01, 2026-01-01T09 (now)\n"
     "  --to DATE           valid through a day, that day included: 2026-12-31; or until an hour, that hour not\n"
     "                      included: 2026-12-31T18 (none: no end). China Standard Time\n" OPERATION PROGRAM "\n"
     "  xinyi quota pledge uscc:91530000MA00TTT099 --instrument 1 --kind deposit --amount 500万\n"
     "  xinyi quota pledge uscc:91530000MA00TTT099 --instrument 2 --kind bond --amount 1000万 --to 2027-03-31\n"},
    {"amend", "usage: xinyi quota amend ID --instrument N [--amount YUAN] [--from DATE] [--to DATE]\n"
              "\n"
              "Changes a guarantee that is lodged: a bond is prolonged, its amount is raised or lowered. What is not "
              "given stays\n"
              "as it is. Refused if less would be lodged now than is used, or if the account is frozen and less would "
              "be lodged.\n"
              "  --instrument N      its number; xinyi quota show lists them\n" AMOUNT
              "  --from DATE         valid from the first hour of a day, or from an hour: 2026-01-01, 2026-01-01T09\n"
              "  --to DATE           valid through a day, or until an hour; none: without end\n" OPERATION PROGRAM "\n"
              "  xinyi quota amend uscc:91530000MA00TTT099 --instrument 2 --to 2027-12-31\n"
              "  xinyi quota amend uscc:91530000MA00TTT099 --instrument 2 --amount 1200万\n"},
    {"freeze",
     "usage: xinyi quota freeze ID [--reference TEXT]\n"
     "\n"
     "Freezes an account, by an order: no new exposure, and nothing that is lodged is given back. Reservations that "
     "are\n"
     "open may still be committed or released, trades are settled, and guarantees may be pledged.\n"
     "  --reference TEXT    the order's number, up to 16 bytes (a Chinese character has 3)\n" OPERATION PROGRAM "\n"
     "  xinyi quota freeze uscc:91530000MA00TTT099 --reference YF-2026-118\n"},
    {"unfreeze", "usage: xinyi quota unfreeze ID\n"
                 "\n"
                 "Ends a freeze: the account is as any other again.\n" OPERATION PROGRAM "\n"
                 "  xinyi quota unfreeze uscc:91530000MA00TTT099\n"},
    {"history",
     "usage: xinyi quota history ID [--max N] [--before VERSION]\n"
     "\n"
     "What changed an account, oldest first, as a statement that can be added up: the opening line, what each event "
     "did\n"
     "to reserved and committed exposure, the balance of both behind it, and the closing line. Reservations that "
     "ended\n"
     "by themselves stand there too (expiry). The client checks every line; exit status 1 if it does not add up.\n"
     "History goes back as far as operation ids are kept, at least 7 days.\n"
     "  --max N             the newest N events (50)\n"
     "  --before VERSION    those before a line of this version: the next page back\n"
     "  --json              everything, with whole operation ids\n" PROGRAM "\n"
     "  xinyi quota history uscc:91530000MA00TTT099\n"
     "  xinyi quota history uscc:91530000MA00TTT099 --json | jq -r '.events[] | [.at, .kind, .amount_fen] | @csv'\n"},
    {"batch",
     "usage: xinyi quota batch FILE|- [--name NAME] [--dry-run]\n"
     "\n"
     "Operations from a file, executed in its order; each answer is told with its line. A file with a mistake is "
     "refused\n"
     "before anything is sent. Exit status 1 if an operation was refused. JSON Lines, or CSV with the same names:\n"
     "  kind subject        reserve commit release settle pledge withdraw energy amend freeze unfreeze; the subject\n"
     "  linked              true: chained to the next line; of a chain all are executed, or none\n"
     "  operation program   the id, 32 hex digits (made); the program (power)\n"
     "  amount amount_fen   \"100万\" in yuan, or fen    ttl ttl_ms  10m, or ms    reservation  id of the reserve\n"
     "  instrument instrument_kind from to    energy_12m_mwh wholesale_2m_mwh retail_2m_mwh forecast_12m_gwh\n"
     "  reference           as the options of the actions\n"
     "  --name NAME         ids are made of NAME and the line, so the same file can be sent again, safely\n"
     "  --dry-run           only check the file\n"
     "\n"
     "  {\"kind\": \"pledge\", \"subject\": \"uscc:91530000MA00TTT099\", \"instrument\": 3, \"instrument_kind\": "
     "\"bond\",\n"
     "   \"amount\": \"500万\", \"to\": \"2027-06-30\", \"linked\": true}    (one line)\n"
     "  xinyi quota batch trades.jsonl --name 2026-11-24-morning\n"},
    {"withdraw", "usage: xinyi quota withdraw ID --instrument N\n"
                 "\n"
                 "Takes a guarantee out. Refused while the limit would fall below what is used, or the account is "
                 "frozen; one that\n"
                 "has ended, or has not begun, can always be withdrawn.\n"
                 "  --instrument N      its number; xinyi quota show lists them\n" OPERATION PROGRAM "\n"
                 "  xinyi quota withdraw uscc:91530000MA00TTT099 --instrument 2\n"},
    {"energy",
     "usage: xinyi quota energy ID [--energy-12m MWH] [--wholesale-2m MWH] [--retail-2m MWH] [--forecast-12m GWH]\n"
     "\n"
     "Sets the energy that the required guarantee is computed from. The server stores all four; what is not given is\n"
     "taken from the account as it is, or with an --operation that was executed before, from that operation, so that\n"
     "repeating it is a repetition even after other changes. Numbers may have thousands separators: 1,200,000.\n"
     "  --energy-12m MWH    wholesale energy of the past 12 months\n"
     "  --wholesale-2m MWH  wholesale energy of the past 2 months\n"
     "  --retail-2m MWH     retail energy of the past 2 months\n"
     "  --forecast-12m GWH  forecast, used only without any history\n" OPERATION PROGRAM "\n"
     "  xinyi quota energy uscc:91530000MA00TTT099 --energy-12m 1,200,000 --retail-2m 200,000\n"},
    {"outcome",
     "usage: xinyi quota outcome OPERATION...\n"
     "\n"
     "What became of operations, by their ids: when they were executed, with which answer, and what a\n"
     "reservation is by now (open, committed, released, expired). Ids are kept 7 days after an operation is\n"
     "final.\n" PROGRAM "\n"
     "  xinyi quota outcome 019b4f3ac1d07d0c8f6e2b51a4c39e77\n"},
};

const char *cmd_quota_help(const char *action) {
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].action, action) == 0) return texts[i].text;
    return NULL;
}
