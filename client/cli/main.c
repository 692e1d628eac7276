/* The program is command.c; this file is apart so that tests can link everything but main. */
#include "client/cli/command.h"

int main(int argc, char **argv) { return command_main(argc, argv); }
