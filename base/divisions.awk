# Turns base/divisions.tsv (code, level, status, name) into the C table that base/division.c searches.
BEGIN {
    FS = "\t"
    level["province"] = "DIVISION_PROVINCE"
    level["prefecture"] = "DIVISION_PREFECTURE"
    level["county"] = "DIVISION_COUNTY"
    print "/* Generated from base/divisions.tsv. */"
    print "#include \"base/division_table.h\""
    print "const division division_table[] = {"
}
NR > 1 {
    if (!($2 in level)) { print "divisions.awk: line " NR ": unknown level " $2 > "/dev/stderr"; exit 1 }
    printf "    {%d, %s, %s, \"%s\"},\n", $1, level[$2], $3 == "retired" ? "true" : "false", $4
    n++
}
END { print "};"; print "const size_t division_table_count = " n + 0 ";" }
