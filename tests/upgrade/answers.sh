# What a server answers about the data that tests/upgrade/make.sh makes, in a form that neither the calendar nor the
# version of the programs changes; sourced by make.sh and by tests/integration/upgrade.sh.
#
# Left out: what a day moves (points, sums, composite scores, whether an instrument is valid) and fields that later
# versions may add. A reservation that was open then has ended by its time since: both are told as "unresolved".
upgrade_retailer=uscc:91532628TTDB52N347 upgrade_company=uscc:91530000MA00TTT099 upgrade_person=id:530000199001010011

# upgrade_id N: the operation id that make.sh gave to its step N.
upgrade_id() { printf '%032x' "$1"; }
UPGRADE_OPERATION='{operation, kind, subject, program, asked_fen, instrument, instrument_kind, status, amount_fen,
  warning, covered, exempt, suspended, rated, short, limit_fen, used_fen, available_fen, expires_ms, account_version}'

# upgrade_answers PROGRAM: everything, on standard output.
upgrade_answers() {
  local xinyi=$1 part subject subjects n
  echo "== profiles"
  "$xinyi" export --output - 2>/dev/null | awk -F, '
    BEGIN { split("subject division sector form retailer generator power_user consent_loan consent_travel consent_power " \
                  "consent_approval consent_volunteer public_score public_grade market_grade tax_grade since_day " \
                  "data_day energy_12m_mwh wholesale_2m_mwh retail_2m_mwh deposit_fen", names, " ") }
    NR == 1 { for (i = 1; i <= NF; i++) place[$i] = i }
    { line = ""; for (i = 1; i in names; i++) line = line (i > 1 ? "," : "") $place[names[i]]; print line }' | sort
  subjects=$("$xinyi" export --output - 2>/dev/null | sed 1d | cut -d, -f1 | sort)
  echo "== accounts"
  for subject in $subjects; do
    "$xinyi" quota show "$subject" --json 2>/dev/null || true
  done | jq -c 'select(.status == "ok") | {subject, energy_12m_mwh, wholesale_2m_mwh, retail_2m_mwh, forecast_12m_mwh,
    committed_fen, instruments: [.instruments[] | {id, kind, amount_fen, from_ms, to_ms}]}'
  echo "== operations"
  for ((n = 1; n <= 24; n++)); do "$xinyi" quota outcome "$(upgrade_id $n)" --json || true; done | jq -c "
    (.state |= if . == \"open\" or . == \"expired\" then \"unresolved\" else . end) |
    {known, state, at_ms} + $UPGRADE_OPERATION"
  for subject in "$upgrade_company" "$upgrade_person" "$upgrade_retailer"; do
    for part in record commitment service; do
      echo "== $part list $subject"
      "$xinyi" "$part" list "$subject" --json |
        jq -c '{name}, (.items[] | {number, kind, source_id, day, reported, id, text, type,
          minutes, target, step, until})'
    done
    echo "== sources $subject"
    "$xinyi" sources "$subject" --json | jq -c '.fields[] | select(.computed | not) |
      select(.field | IN("tax_grade", "public_grade", "public_score", "division", "market_grade")) |
      {field, value, source_id, claimed, losing: [.losing[] | {source_id, value}]}'
  done
  echo "== policies"
  "$xinyi" policy list --history --json | jq -c '.history[] | {version, activated, rollback_of, files, bytes}'
  echo "== effect"
  "$xinyi" effect --month all --json | jq -cS '.rows[] | {month, scenario, decisions, outcomes, benefits}'
}

# upgrade_repeat PROGRAM: some of make.sh's operations again, under their ids: the first answers, and nothing happens.
upgrade_repeat() {
  local xinyi=$1
  {
    "$xinyi" quota reserve $upgrade_retailer --amount 10万 --ttl 10m --operation "$(upgrade_id 5)" --json
    "$xinyi" quota commit $upgrade_retailer --reservation "$(upgrade_id 5)" --amount 4万 --operation "$(upgrade_id 6)" --json
    "$xinyi" quota reserve $upgrade_retailer --amount 500亿 --operation "$(upgrade_id 15)" --json || true
    "$xinyi" quota settle $upgrade_retailer --amount 1万 --operation "$(upgrade_id 11)" --json
    "$xinyi" quota pledge $upgrade_retailer --instrument 5 --kind bond --amount 1亿 --from 2026-11-01 --to 2035-03-31 \
      --operation "$(upgrade_id 1)" --json
    "$xinyi" quota reserve $upgrade_retailer --amount 50万 --ttl 10m --operation "$(upgrade_id 13)" --json
  } | jq -c "$UPGRADE_OPERATION + {repeated}"
}
