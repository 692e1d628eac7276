#include "client/cli/jout.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

static json_t *load(jout *j) {
    json_error_t problem;
    json_t *root = json_loads(buf_cstr(&j->out), 0, &problem);
    cr_assert_not_null(root, "%s: %s", problem.text, buf_cstr(&j->out));
    return root;
}

Test(jout, nests_and_separates) {
    jout j = {0};
    jout_object(&j, NULL);
    jout_int(&j, "a", INT64_MIN);
    jout_array(&j, "b");
    jout_int(&j, NULL, 1);
    jout_object(&j, NULL);
    jout_end(&j);
    jout_string(&j, NULL, NULL);
    jout_end(&j);
    jout_bool(&j, "c", true);
    jout_raw(&j, "d", "3.50");
    jout_end(&j);
    cr_expect_str_eq(buf_cstr(&j.out), "{\"a\":-9223372036854775808,\"b\":[1,{},null],\"c\":true,\"d\":3.50}");
    jout_deinit(&j);
}

Test(jout, escapes_every_byte_so_that_another_parser_reads_it) {
    jout j = {0};
    char text[128];
    for (int i = 0; i < 127; i++) text[i] = (char)(i + 1);
    jout_object(&j, NULL);
    jout_text(&j, "t", text, 127);
    jout_string(&j, "u", "信用 \xF0\x9F\x98\x80 \"\\/\n\t");
    jout_end(&j);
    json_t *root = load(&j);
    cr_expect_eq(json_string_length(json_object_get(root, "t")), 127);
    cr_expect_arr_eq(json_string_value(json_object_get(root, "t")), text, 127);
    cr_expect_str_eq(json_string_value(json_object_get(root, "u")), "信用 \xF0\x9F\x98\x80 \"\\/\n\t");
    json_decref(root);
    jout_deinit(&j);
}

Test(jout, broken_utf8_becomes_the_replacement_character) {
    static const char *const broken[] = {"\xFF",   "\xC0\x80", "\xE4\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                         "a\x80z", "\xC3"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        jout j = {0};
        jout_object(&j, NULL);
        jout_string(&j, "t", broken[i]);
        jout_end(&j);
        json_t *root = load(&j);
        cr_expect(strstr(json_string_value(json_object_get(root, "t")), "\xEF\xBF\xBD") != NULL, "case %zu", i);
        json_decref(root);
        jout_deinit(&j);
    }
}
