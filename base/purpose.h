/* Purposes and scenarios: the codes every query carries. Numbers are part of the protocol and never reused.
 * Source: the province's five scenarios; purposes follow the principle that a query of personal information names one.
 */
#ifndef XINYI_BASE_PURPOSE_H
#define XINYI_BASE_PURPOSE_H

/*  X(NAME, code, name, title) */
#define PURPOSE_TABLE(X)                                                                                               \
    X(LOAN_REVIEW, 1, "loan_review", "贷款审批参考")                                                                   \
    X(TRAVEL_SERVICE, 2, "travel_service", "出行旅游服务")                                                             \
    X(POWER_TRADING, 3, "power_trading", "电力交易")                                                                   \
    X(ADMINISTRATIVE_APPROVAL, 4, "administrative_approval", "行政审批")                                               \
    X(VOLUNTEER_SERVICE, 5, "volunteer_service", "志愿服务")                                                           \
    X(DATA_MAINTENANCE, 6, "data_maintenance", "数据维护")                                                             \
    X(SELF_INQUIRY, 7, "self_inquiry", "本人查询")                                                                     \
    X(SUPERVISION, 8, "supervision", "监督检查")                                                                       \
    X(BENCHMARK, 9, "benchmark", "性能测试")

typedef enum purpose {
    PURPOSE_NONE = 0, /* refused where a purpose is needed */
#define X(name, code, text, title) PURPOSE_##name = (code),
    PURPOSE_TABLE(X)
#undef X
        PURPOSE_END
} purpose;

/* The scenarios that ship; others get codes 6–63 from their policy files. The usual purpose of scenario n (1–5) is n.
 */
typedef enum scenario_code {
    SCENARIO_LOAN = 1,
    SCENARIO_TRAVEL = 2,
    SCENARIO_POWER = 3,
    SCENARIO_APPROVAL = 4,
    SCENARIO_VOLUNTEER = 5,
    SCENARIO_MAX = 63,
} scenario_code;

/* Guarantee programs; 1–15, `power` is the first. */
#define PROGRAM_POWER 1
#define PROGRAM_MAX 15

const char *purpose_name(unsigned code); /* NULL if unknown */
unsigned purpose_find(const char *name); /* 0 if unknown */

#endif
