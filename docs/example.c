/* Asks for the reference of one loan decision. Build: cc example.c $(pkg-config --cflags --libs xinyi)
 * Run: ./a.out 127.0.0.1:7420 uscc:91530000MA00TTT099 */
#include <stdio.h>
#include <xinyi.h>

int main(int argc, char **argv) {
    static const char *const outcomes[] = {"no answer", "granted", "to be reviewed", "declined"};
    xinyi *x = NULL;
    xinyi_subject who;
    xinyi_decision d;
    int code;
    if (argc != 3) {
        fprintf(stderr, "usage: %s HOST:PORT SUBJECT\n", argv[0]);
        return 2;
    }
    code = xinyi_subject_parse(argv[2], &who);
    if (code == 0) code = xinyi_connect(argv[1], NULL, &x);
    if (code == 0) code = xinyi_decide(x, XINYI_LOAN, XINYI_FOR_LOAN_REVIEW, &who, 1, &d);
    if (code != 0) {
        fprintf(stderr, "%s\n", xinyi_last_error(x));
    } else if (d.status != 0) { /* the call worked, this subject did not */
        code = d.status;
        fprintf(stderr, "%s: %s\n", argv[2], xinyi_status_text(code));
    } else {
        printf("%s: %s, up to %lld yuan\n", argv[2], outcomes[d.outcome & 3], (long long)(d.amount_fen / 100));
    }
    xinyi_close(&x);
    return code == 0 ? 0 : 1;
}
