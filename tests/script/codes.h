/* script/codes.h: names of error codes, as scripts and logs write them. */
#ifndef SCRIPT_CODES_H
#define SCRIPT_CODES_H

const char *code_name(int code); /* "UVMQTT_EPROTOCOL", "ENOMEM", "0" */
int code_named(const char *name);

#endif
