# Turns base/divisions.tsv (code, level, status, name) into the C table that base/division.c searches: ascending by code,
# each code once. Works with every awk, so the sorting is by hand.
BEGIN {
    FS = "\t"
    level["province"] = "DIVISION_PROVINCE"
    level["prefecture"] = "DIVISION_PREFECTURE"
    level["county"] = "DIVISION_COUNTY"
}
function fail(what) { print "divisions.awk: line " NR ": " what > "/dev/stderr"; failed = 1; exit 1 }
NR > 1 {
    if (!($2 in level)) fail("unknown level " $2)
    if ($3 != "current" && $3 != "retired") fail("unknown status " $3)
    if ($1 !~ /^[1-9][0-9][0-9][0-9][0-9][0-9]$/) fail("not a code: " $1)
    if ($1 in seen) fail("code " $1 " is there twice")
    if ($4 == "" || $4 ~ /["\\]/) fail("bad name")
    seen[$1] = 1
    for (i = n++; i > 0 && code[i - 1] > $1 + 0; i--) { code[i] = code[i - 1]; row[i] = row[i - 1] }
    code[i] = $1 + 0
    row[i] = sprintf("{%d, %s, %s, \"%s\"}", $1, level[$2], $3 == "retired" ? "true" : "false", $4)
}
END {
    if (failed) exit 1
    if (n == 0) { print "divisions.awk: no rows" > "/dev/stderr"; exit 1 }
    print "/* Generated from base/divisions.tsv. */"
    print "#include \"base/division_table.h\""
    print "const division division_table[] = {"
    for (i = 0; i < n; i++) print "    " row[i] ","
    print "};"
    print "const size_t division_table_count = " n ";"
}
